//! notifier-rust: writes each alert to the log of z4j.
mod abi;

use abi::*;
use core::ffi::c_void;
use core::mem::size_of;
use std::alloc::{alloc, dealloc, Layout};

struct Instance {
    host: *const z4j_host,
}

/// The answer, and the words for it. `e` may be null.
unsafe fn fail(e: *mut z4j_error, code: z4j_status, message: &str) -> z4j_status {
    if let Some(e) = e.as_mut() {
        e.code = code;
        e.retry_after_ms = 0;
        e.place[0] = 0;
        let room = e.message.len() - 1;
        let mut end = 0;
        for (to, from) in e.message.iter_mut().zip(message.bytes().take(room)) {
            *to = from;
            end += 1;
        }
        if let Some(last) = e.message.get_mut(end) {
            *last = 0;
        }
    }
    code
}

/// A Box would end the process when there is no memory.
unsafe extern "C" fn create(host: *const z4j_host, _config: z4j_str, out: *mut *mut c_void, e: *mut z4j_error) -> z4j_status {
    let instance = alloc(Layout::new::<Instance>()).cast::<Instance>();
    if instance.is_null() {
        return fail(e, Z4J_NO_MEMORY, "out of memory");
    }
    instance.write(Instance { host });
    *out = instance.cast();
    Z4J_OK
}

unsafe extern "C" fn start(_instance: *mut c_void, _e: *mut z4j_error) -> z4j_status {
    Z4J_OK
}

unsafe extern "C" fn stop(_instance: *mut c_void, _deadline_ms: u32, _e: *mut z4j_error) -> z4j_status {
    Z4J_OK // no operation is ever left open
}

unsafe extern "C" fn destroy(instance: *mut c_void) {
    dealloc(instance.cast(), Layout::new::<Instance>());
}

const MOST_FOR: usize = 100;

/// `{"for":"..."}` of what stands at "for" of the target; 0 when nothing does, or nothing short and
/// plain: there is no JSON reader here.
fn fields_for(target: &[u8], out: &mut [u8]) -> usize {
    const KEY: &[u8] = b"\"for\"";
    let at = target.windows(KEY.len()).position(|part| part == KEY).unwrap_or(target.len());
    let rest = target.get(at + KEY.len()..).unwrap_or(&[]);
    let begin = rest.iter().position(|c| !matches!(c, b' ' | b':')).unwrap_or(rest.len());
    let text = match rest.get(begin..).and_then(|part| part.split_first()) {
        Some((b'"', text)) => text,
        _ => return 0,
    };
    let text = match text.iter().position(|c| *c == b'"') {
        Some(end) => text.get(..end).unwrap_or(&[]),
        None => return 0,
    };
    if text.is_empty() || text.len() > MOST_FOR || text.iter().any(|c| !matches!(c, b' '..=b'~') || *c == b'\\') {
        return 0;
    }
    let mut written = 0;
    for (to, from) in out.iter_mut().zip(b"{\"for\":\"".iter().chain(text).chain(b"\"}")) {
        *to = *from;
        written += 1;
    }
    written
}

/// A final code answers the operation.
unsafe extern "C" fn send(instance: *mut c_void, _op: z4j_op, n: *const z4j_notification, e: *mut z4j_error) -> z4j_status {
    let n = &*n;
    if n.title.len == 0 {
        return fail(e, Z4J_INVALID, "an alert needs a title");
    }
    let host = &*(*instance.cast::<Instance>()).host;
    let level = if n.severity >= 3 { Z4J_LOG_ERROR } else { Z4J_LOG_WARN };
    let mut fields = [0u8; MOST_FOR + 16];
    let written = fields_for(n.target_json.bytes(), &mut fields);
    if written == 0 {
        return fail(e, Z4J_INVALID, "\"for\" says whom it is for, in plain letters");
    }
    (host.log)(host.ctx, level, n.title, z4j_str { ptr: fields.as_ptr().cast(), len: written });
    Z4J_OK
}

const NOTHING: z4j_str = z4j_str::of(r#"{"type": "object", "additionalProperties": false, "properties": {}}"#);

const TARGET: z4j_str = z4j_str::of(
    r#"{"type": "object", "additionalProperties": false, "properties": {
        "for": {"type": "string", "maxLength": 100, "description": "whom it is for"}}}"#,
);

static NOTIFIER: z4j_notifier = z4j_notifier {
    struct_size: size_of::<z4j_notifier>() as u32,
    max_body_bytes: 65536,
    capabilities: 0,
    target_schema_json: TARGET,
    types_json: z4j_str::of(""), // one type of target, called "rust" after the id
    send,
};

unsafe extern "C" fn get_interface(id: z4j_str) -> *const c_void {
    if id.bytes() == Z4J_IFACE_NOTIFIER.as_bytes() {
        return (&NOTIFIER as *const z4j_notifier).cast();
    }
    core::ptr::null()
}

static PLUGIN: z4j_plugin = z4j_plugin {
    struct_size: size_of::<z4j_plugin>() as u32,
    flags: 0,
    id: z4j_str::of("org.example.notifier-rust"),
    version: z4j_str::of("1.0.0"),
    name: z4j_str::of("Log notifier in Rust"),
    summary: z4j_str::of("Writes each alert to the log of z4j."),
    vendor: z4j_str::of(""),
    license: z4j_str::of(""),
    url: z4j_str::of(""),
    kinds: z4j_str::of("notifier"),
    config_schema_json: NOTHING,
    needs: z4j_str::of(""),
    validate: None,
    create,
    start,
    stop,
    destroy,
    cancel: None,
    get_interface,
};

struct List([*const z4j_plugin; 1]);
unsafe impl Sync for List {}
static PLUGINS: List = List([&PLUGIN]);

#[no_mangle]
#[allow(non_upper_case_globals)]
pub static z4j_plugin_entry_v1: z4j_plugin_entry = z4j_plugin_entry {
    magic: Z4J_PLUGIN_MAGIC,
    struct_size: size_of::<z4j_plugin_entry>() as u32,
    abi_major: 1,
    abi_minor: 0,
    min_host_minor: 0,
    reserved0: 0,
    plugin_count: 1,
    plugins: &PLUGINS.0 as *const *const z4j_plugin,
    build_info: z4j_str::of("Rust"),
};
