#include "plugin/elf_file.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "base/descriptor.hpp"
#include "plugin/crossing.hpp"

namespace z4j::plugin {
namespace {

constexpr std::uint64_t kMostSegments = 256, kMostEntries = 4096, kMostSymbols = 2'000'000;
constexpr std::uint64_t kMostTextBytes = 256u << 20;
constexpr std::size_t kMostRunPaths = 256;

#if defined(__x86_64__)
constexpr Elf64_Half kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kMachine = EM_AARCH64;
#elif defined(__riscv)
constexpr Elf64_Half kMachine = EM_RISCV;
#else
#error "name this machine as elf.h does"
#endif

// Ends the reading; the sentence goes into the error.
struct Damaged {
  std::string why;
};

class Reader {
 public:
  explicit Reader(int file) : file_(file) {
    struct stat info {};
    if (file_ < 0 || ::fstat(file_, &info) != 0) throw Damaged{"it can't be read"};
    size_ = static_cast<std::uint64_t>(info.st_size);
  }

  void read(std::uint64_t at, void* to, std::uint64_t bytes) const {
    if (at > size_ || bytes > size_ - at) throw Damaged{"it is cut off"};
    auto* out = static_cast<char*>(to);
    while (bytes > 0) {
      const ssize_t got = ::pread(file_, out, bytes, static_cast<off_t>(at));
      if (got <= 0) throw Damaged{"it can't be read"};
      out += got;
      at += static_cast<std::uint64_t>(got);
      bytes -= static_cast<std::uint64_t>(got);
    }
  }
  template <class T>
  [[nodiscard]] T one(std::uint64_t at) const {
    T value{};
    read(at, &value, sizeof value);
    return value;
  }
  template <class T>
  [[nodiscard]] std::vector<T> many(std::uint64_t at, std::uint64_t count) const {
    if (at > size_ || count > (size_ - at) / sizeof(T)) throw Damaged{"it is cut off"};
    std::vector<T> values(count);
    if (count > 0) read(at, values.data(), count * sizeof(T));
    return values;
  }

 private:
  const int file_;
  std::uint64_t size_ = 0;
};

// Where in the file the byte of that address is.
std::uint64_t offset_of(const std::vector<Elf64_Phdr>& segments, std::uint64_t address) {
  for (const Elf64_Phdr& s : segments) {
    if (s.p_type == PT_LOAD && address >= s.p_vaddr && address - s.p_vaddr < s.p_filesz)
      return s.p_offset + (address - s.p_vaddr);
  }
  throw Damaged{"a table of its dynamic section lies outside of it"};
}

// Symbols stand in a table without an end: the hash table over it knows how many there are.
std::uint64_t symbols_by_hash(const Reader& file, std::uint64_t at) {
  return file.many<std::uint32_t>(at, 2)[1];
}
std::uint64_t symbols_by_gnu_hash(const Reader& file, std::uint64_t at) {
  const std::vector<std::uint32_t> head = file.many<std::uint32_t>(at, 4);
  const std::uint64_t buckets_at = at + 16 + std::uint64_t{head[2]} * 8;
  std::uint64_t last = 0;
  for (const std::uint32_t first : file.many<std::uint32_t>(buckets_at, head[0]))
    last = std::max<std::uint64_t>(last, first);
  if (last < head[1]) return head[1];
  const std::uint64_t chains_at = buckets_at + std::uint64_t{head[0]} * 4;
  while ((file.one<std::uint32_t>(chains_at + (last - head[1]) * 4) & 1u) == 0) {
    if (++last > kMostSymbols) throw Damaged{"its symbol table has no end"};
  }
  return last + 1;
}

// The table of names. Names may share bytes: what is taken from it has a ceiling of its own.
class Texts {
 public:
  explicit Texts(std::vector<char> bytes) : bytes_(std::move(bytes)) {}
  std::string at(std::uint64_t place) {
    if (place >= bytes_.size()) throw Damaged{"a name lies outside of its table of names"};
    const char* const begin = bytes_.data() + place;
    const std::size_t length = ::strnlen(begin, bytes_.size() - place);
    if (length > left_) throw Damaged{"its names are too long"};
    left_ -= length;
    return {begin, length};
  }

 private:
  const std::vector<char> bytes_;
  std::uint64_t left_ = kMostTextBytes;
};

void add_run_paths(std::string_view list, std::vector<std::string>& out) {
  for (std::size_t at = 0; at <= list.size() && out.size() < kMostRunPaths;) {
    const std::size_t end = std::min(list.find(':', at), list.size());
    out.emplace_back(list.substr(at, end - at));
    at = end + 1;
  }
}

ElfFile read_whole(int from, const std::string& path) {
  const Reader file(from);
  ElfFile out;
  out.path = path;

  Elf64_Ehdr head{};
  try {
    head = file.one<Elf64_Ehdr>(0);
  } catch (const Damaged&) {
    throw Damaged{"it is not a shared library"};
  }
  if (std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) throw Damaged{"it is not a shared library"};
  if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != ELFDATA2LSB ||
      head.e_machine != kMachine) {
    throw Damaged{"it was built for another machine"};
  }
  if (head.e_type != ET_DYN) throw Damaged{"it is not a shared library but a program or an object"};
  if (head.e_phentsize != sizeof(Elf64_Phdr) || head.e_phnum > kMostSegments)
    throw Damaged{"its list of segments is damaged"};
  const auto segments = file.many<Elf64_Phdr>(head.e_phoff, head.e_phnum);

  // Without the mark the system takes the stack as executable.
  out.has_executable_stack = true;
  std::optional<Elf64_Phdr> dynamic;
  out.has_executable_stack = true;  // who says nothing of it gets one
  for (const Elf64_Phdr& s : segments) {
    if (s.p_type == PT_GNU_STACK) out.has_executable_stack = (s.p_flags & PF_X) != 0;
    if (s.p_type == PT_LOAD && (s.p_flags & (PF_W | PF_X)) == (PF_W | PF_X))
      out.has_writable_code = true;
    if (s.p_type == PT_DYNAMIC) dynamic = s;
  }
  if (!dynamic) throw Damaged{"it has no dynamic section"};

  std::uint64_t symbols_at = 0, texts_at = 0, texts_bytes = 0, hash_at = 0, gnu_hash_at = 0;
  std::vector<std::uint64_t> needed, run_paths;
  const std::uint64_t entries = std::min(dynamic->p_filesz / sizeof(Elf64_Dyn), kMostEntries);
  for (const Elf64_Dyn& d : file.many<Elf64_Dyn>(dynamic->p_offset, entries)) {
    if (d.d_tag == DT_NULL) break;
    switch (d.d_tag) {
      case DT_SYMTAB:
        symbols_at = d.d_un.d_ptr;
        break;
      case DT_STRTAB:
        texts_at = d.d_un.d_ptr;
        break;
      case DT_STRSZ:
        texts_bytes = d.d_un.d_val;
        break;
      case DT_HASH:
        hash_at = d.d_un.d_ptr;
        break;
      case DT_GNU_HASH:
        gnu_hash_at = d.d_un.d_ptr;
        break;
      case DT_NEEDED:
        needed.push_back(d.d_un.d_val);
        break;
      case DT_RPATH:
      case DT_RUNPATH:
        run_paths.push_back(d.d_un.d_val);
        break;
      case DT_TEXTREL:
        out.has_writable_code = true;
        break;
      case DT_FLAGS:
        out.has_writable_code = out.has_writable_code || (d.d_un.d_val & DF_TEXTREL) != 0;
        break;
      case DT_FLAGS_1:
        out.is_program = (d.d_un.d_val & DF_1_PIE) != 0;
        break;
      default:
        break;
    }
  }
  if (symbols_at == 0 || texts_at == 0 || (hash_at == 0 && gnu_hash_at == 0))
    throw Damaged{"it has no table of symbols"};
  if (texts_bytes > kMostTextBytes) throw Damaged{"its table of names is too large"};
  Texts texts(file.many<char>(offset_of(segments, texts_at), texts_bytes));
  for (const std::uint64_t at : needed) out.needed.push_back(texts.at(at));
  for (const std::uint64_t at : run_paths) add_run_paths(texts.at(at), out.run_paths);

  const std::uint64_t count = hash_at != 0
                                  ? symbols_by_hash(file, offset_of(segments, hash_at))
                                  : symbols_by_gnu_hash(file, offset_of(segments, gnu_hash_at));
  if (count > kMostSymbols) throw Damaged{"it has too many symbols"};
  for (const Elf64_Sym& s : file.many<Elf64_Sym>(offset_of(segments, symbols_at), count)) {
    const unsigned bind = ELF64_ST_BIND(s.st_info), type = ELF64_ST_TYPE(s.st_info);
    const unsigned seen = ELF64_ST_VISIBILITY(s.st_other);
    if (s.st_name == 0 || bind == STB_LOCAL || type == STT_SECTION || type == STT_FILE) continue;
    ElfSymbol symbol;
    symbol.name = texts.at(s.st_name);
    symbol.size = s.st_size;
    symbol.is_data = type == STT_OBJECT;
    symbol.is_unique = bind == STB_GNU_UNIQUE;
    symbol.is_weak = bind == STB_WEAK;
    if (s.st_shndx == SHN_UNDEF) {
      out.wants.push_back(std::move(symbol));
    } else if (seen == STV_DEFAULT || seen == STV_PROTECTED) {
      out.exports.push_back(std::move(symbol));
    }
  }
  return out;
}

}  // namespace

base::Result<ElfFile> read_elf(const std::string& path) {
  const base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return read_elf(file.get(), path);
}

base::Result<ElfFile> read_elf(int file, const std::string& path) {
  try {
    return read_whole(file, path);
  } catch (const Damaged& damaged) {
    return host_error(base::Code::unsupported, damaged.why,
                      "install the plugin again, or a build for this system");
  }
}

}  // namespace z4j::plugin
