"""A self-signed certificate for localhost and 127.0.0.1, or for another name alone."""
import pathlib
import subprocess


def make(folder, name="localhost"):
    """Paths of certificate, key, and a file with both."""
    cert, key, both = (pathlib.Path(folder) / name for name in ("cert.pem", "key.pem", "both.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name}" + (",IP:127.0.0.1" if name == "localhost" else ""), "-out", cert, "-keyout", key], check=True, capture_output=True, timeout=60)
    both.write_text(cert.read_text() + key.read_text())
    return cert, key, both
