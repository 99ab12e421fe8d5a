// Memory with nothing behind it: who reads beyond the end, or after it was taken back, dies at
// once.
#pragma once

#include <sys/mman.h>
#include <unistd.h>
#include <z4j/abi.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace z4j::check {

// `bytes` bytes that end where the last readable page does.
class Guarded {
 public:
  explicit Guarded(std::size_t bytes) : bytes_(bytes) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    mapped_ = (bytes + page - 1) / page * page + page;
    void* const at =
        ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) std::abort();
    begin_ = static_cast<char*>(at);
    if (::mprotect(begin_ + mapped_ - page, page, PROT_NONE) != 0) std::abort();
    data_ = begin_ + mapped_ - page - bytes;
  }
  explicit Guarded(std::string_view text) : Guarded(text.size()) {
    if (!text.empty()) std::memcpy(data_, text.data(), text.size());
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() { take_back(); }

  [[nodiscard]] char* data() const { return data_; }
  [[nodiscard]] z4j_str text() const { return {data_, bytes_}; }
  // The addresses stay taken, so that nothing else comes to lie there.
  void take_back() { ::mprotect(begin_, mapped_, PROT_NONE); }

 private:
  std::size_t bytes_, mapped_ = 0;
  char* begin_ = nullptr;
  char* data_ = nullptr;
};

// A struct whose end is the end of readable memory: what an older side would hand over.
template <class T>
class GuardedStruct {
 public:
  explicit GuardedStruct(const T& value) : memory_(sizeof(T)) {
    std::memcpy(memory_.data(), &value, sizeof(T));
  }
  [[nodiscard]] T* get() const { return reinterpret_cast<T*>(memory_.data()); }

 private:
  Guarded memory_;
};

}  // namespace z4j::check
