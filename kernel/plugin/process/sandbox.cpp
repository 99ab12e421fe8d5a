#include "plugin/process/sandbox.hpp"

#include <asm/unistd.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

namespace z4j::plugin::process {
namespace {

namespace fs = std::filesystem;

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "no system call filter for this architecture"
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kBoundsMemory = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kBoundsMemory = false;
#else
constexpr bool kBoundsMemory = true;
#endif
#else
constexpr bool kBoundsMemory = true;
#endif

base::Error refused(const std::string& what) {
  return base::Error{.code = base::Code::unsupported,
                     .message = what + ": " + std::generic_category().message(errno),
                     .where = {},
                     .hint = "set isolation = \"inline\" for this instance if this system can't"};
}

// ---- seccomp: a program for the kernel's packet filter machine, over the number of a call.

// Taken whatever their arguments are.
constexpr std::uint32_t kAllowed[] = {
    // Memory.
    __NR_brk,
    __NR_mmap,
    __NR_munmap,
    __NR_mremap,
    __NR_mprotect,
    __NR_madvise,
    __NR_msync,
    __NR_mincore,
    __NR_mlock,
    __NR_munlock,
    __NR_membarrier,
    // Threads, and waiting for each other.
    __NR_futex,
    __NR_set_robust_list,
    __NR_get_robust_list,
    __NR_set_tid_address,
    __NR_gettid,
    __NR_getpid,
    __NR_getppid,
    __NR_getpgid,
    __NR_getsid,
    __NR_sched_yield,
    __NR_sched_getaffinity,
    __NR_sched_getparam,
    __NR_sched_getscheduler,
    __NR_sched_get_priority_max,
    __NR_sched_get_priority_min,
    __NR_exit,
    __NR_exit_group,
    __NR_getcpu,
    __NR_restart_syscall,
#ifdef __NR_rseq
    __NR_rseq,
#endif
#ifdef __NR_futex_waitv
    __NR_futex_waitv,
#endif
#ifdef __NR_arch_prctl
    __NR_arch_prctl,
#endif
    // Signals within the process.
    __NR_rt_sigaction,
    __NR_rt_sigprocmask,
    __NR_rt_sigreturn,
    __NR_rt_sigpending,
    __NR_rt_sigsuspend,
    __NR_rt_sigtimedwait,
    __NR_sigaltstack,
    __NR_signalfd4,
    // Time.
    __NR_clock_gettime,
    __NR_clock_getres,
    __NR_clock_nanosleep,
    __NR_nanosleep,
    __NR_gettimeofday,
    __NR_times,
    __NR_timer_create,
    __NR_timer_settime,
    __NR_timer_gettime,
    __NR_timer_delete,
    __NR_timer_getoverrun,
    __NR_timerfd_create,
    __NR_timerfd_settime,
    __NR_timerfd_gettime,
    __NR_getitimer,
    // What it is and where.
    __NR_getuid,
    __NR_geteuid,
    __NR_getgid,
    __NR_getegid,
    __NR_getresuid,
    __NR_getresgid,
    __NR_getgroups,
    __NR_getrusage,
    __NR_getpriority,
    __NR_uname,
    __NR_sysinfo,
    __NR_getrandom,
    __NR_getrlimit,
    __NR_umask,
    __NR_capget,
    // Descriptors, and files to read: what may be opened says the other filter, or open() below.
    __NR_read,
    __NR_write,
    __NR_readv,
    __NR_writev,
    __NR_pread64,
    __NR_pwrite64,
    __NR_preadv,
    __NR_pwritev,
    __NR_preadv2,
    __NR_pwritev2,
    __NR_close,
    __NR_lseek,
    __NR_fstat,
    __NR_statfs,
    __NR_fstatfs,
    __NR_getdents64,
    __NR_readlinkat,
    __NR_faccessat,
    __NR_getcwd,
    __NR_chdir,
    __NR_fchdir,
    __NR_dup,
    __NR_dup3,
    __NR_pipe2,
    __NR_fadvise64,
    __NR_readahead,
    __NR_sendfile,
    __NR_splice,
    __NR_tee,
    __NR_flock,
    __NR_fsync,
    __NR_fdatasync,
    __NR_getxattr,
    __NR_lgetxattr,
    __NR_fgetxattr,
    __NR_listxattr,
    __NR_llistxattr,
    __NR_flistxattr,
    __NR_inotify_init1,
    __NR_inotify_add_watch,
    __NR_inotify_rm_watch,
    __NR_ftruncate,
    __NR_eventfd2,
#ifdef __NR_newfstatat
    __NR_newfstatat,
#endif
#ifdef __NR_close_range
    __NR_close_range,
#endif
#ifdef __NR_faccessat2
    __NR_faccessat2,
#endif
#ifdef __NR_statx
    __NR_statx,
#endif
    // Waiting on descriptors.
    __NR_ppoll,
    __NR_pselect6,
    __NR_epoll_create1,
    __NR_epoll_ctl,
    __NR_epoll_pwait,
#ifdef __NR_epoll_pwait2
    __NR_epoll_pwait2,
#endif
    // Sockets; which ones says socket() below.
    __NR_connect,
    __NR_bind,
    __NR_listen,
    __NR_accept,
    __NR_accept4,
    __NR_getsockname,
    __NR_getpeername,
    __NR_getsockopt,
    __NR_setsockopt,
    __NR_shutdown,
    __NR_sendto,
    __NR_recvfrom,
    __NR_sendmsg,
    __NR_recvmsg,
    __NR_sendmmsg,
    __NR_recvmmsg,
// The older names that x86-64 also has.
#ifdef __NR_stat
    __NR_stat,
    __NR_lstat,
    __NR_access,
    __NR_readlink,
    __NR_getdents,
    __NR_poll,
    __NR_select,
    __NR_epoll_create,
    __NR_epoll_wait,
    __NR_eventfd,
    __NR_pipe,
    __NR_dup2,
    __NR_time,
    __NR_pause,
    __NR_alarm,
    __NR_getpgrp,
    __NR_inotify_init,
    __NR_signalfd,
#endif
};

class Filter {
 public:
  explicit Filter(bool lets_open_for_writing) {
    load(offsetof(seccomp_data, arch));
    unless_equal(kArchitecture, SECCOMP_RET_KILL_PROCESS);
    load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
    // The numbers of the x32 interface.
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1));
    answer(SECCOMP_RET_KILL_PROCESS);
#endif
    for (const std::uint32_t number : kAllowed) when(number, SECCOMP_RET_ALLOW);
    // Unknown to an old kernel too: callers fall back to what can be looked at.
    for (const std::uint32_t number : {std::uint32_t{__NR_clone3}, std::uint32_t{__NR_openat2}})
      when(number, error(ENOSYS));
    // Threads, not processes.
    if_bits(__NR_clone, 0, kThreadOfSame, SECCOMP_RET_ALLOW, error(EPERM));
    // Signals to itself only.
    const auto self = static_cast<std::uint32_t>(::getpid());
    if_equal(__NR_tgkill, 0, {self}, SECCOMP_RET_ALLOW, error(EPERM));
    if_equal(__NR_kill, 0, {self}, SECCOMP_RET_ALLOW, error(EPERM));
    if_equal(__NR_rt_sigqueueinfo, 0, {self}, SECCOMP_RET_ALLOW, error(EPERM));
    // Not where threads of others run.
    if_equal(__NR_sched_setaffinity, 0, {0, self}, SECCOMP_RET_ALLOW, error(EPERM));
    // Limits are read, not set: the third argument of prlimit64 is the new one.
    if_equal(__NR_prlimit64, 2, {0}, SECCOMP_RET_ALLOW, error(EPERM));
    if_equal(__NR_socket, 0, {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}, SECCOMP_RET_ALLOW,
             error(EAFNOSUPPORT));
    if_equal(__NR_socketpair, 0, {AF_UNIX}, SECCOMP_RET_ALLOW, error(EAFNOSUPPORT));
    // Duplicates, flags, locks; not who is sent a signal when a descriptor is ready.
    if_equal(__NR_fcntl, 1,
             {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK,
              F_SETLKW, F_GETPIPE_SZ, F_SETPIPE_SZ, 1033 /* F_ADD_SEALS */, 1034 /* F_GET_SEALS */},
             SECCOMP_RET_ALLOW, error(EPERM));
    // TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX.
    if_equal(__NR_ioctl, 1, {0x5401, 0x5413, 0x541b, 0x5421, 0x5451}, SECCOMP_RET_ALLOW,
             error(ENOTTY));
    // Names of threads and of memory, what it got.
    if_equal(__NR_prctl, 0,
             {PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP,
              PR_CAPBSET_READ, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK, 0x53564d41 /* PR_SET_VMA */},
             SECCOMP_RET_ALLOW, error(EPERM));
    const std::uint32_t opening = lets_open_for_writing ? SECCOMP_RET_ALLOW : error(EACCES);
    constexpr std::uint32_t kWrites = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
    if_bits(__NR_openat, 2, kWrites, opening, SECCOMP_RET_ALLOW);
#ifdef __NR_open
    if_bits(__NR_open, 1, kWrites, opening, SECCOMP_RET_ALLOW);
#endif
    // The numbers that all architectures share are of later calls: who tries one falls back.
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kFirstSharedNumber, 0, 1));
    answer(error(ENOSYS));
    answer(error(EPERM));
  }

  [[nodiscard]] bool install() {
    sock_fprog whole{};
    whole.len = static_cast<unsigned short>(program_.size());
    whole.filter = program_.data();
    return ::syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &whole) == 0;
  }

 private:
  static constexpr std::uint32_t kThreadOfSame = 0x00010000, kFirstSharedNumber = 424;
  static constexpr std::uint32_t error(int number) {
    return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(number);
  }
  // Little endian: the lower half of an argument comes first. The callers' values fit into it.
  static constexpr std::uint32_t argument(unsigned which) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + which * 8);
  }

  void load(std::uint32_t offset) {
    program_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
  }
  void answer(std::uint32_t value) { program_.push_back(BPF_STMT(BPF_RET | BPF_K, value)); }
  void when(std::uint32_t value, std::uint32_t action) {
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
    answer(action);
  }
  void unless_equal(std::uint32_t value, std::uint32_t action) {
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0));
    answer(action);
  }
  // For that call: whether an argument has any of the bits.
  void if_bits(std::uint32_t number, unsigned which, std::uint32_t bits, std::uint32_t yes,
               std::uint32_t no) {
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4));
    load(argument(which));
    program_.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
    answer(yes);
    answer(no);
  }
  // For that call: whether an argument is one of the values. Both halves are looked at.
  void if_equal(std::uint32_t number, unsigned which, const std::vector<std::uint32_t>& values,
                std::uint32_t yes, std::uint32_t no) {
    const auto count = values.size();
    program_.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, static_cast<std::uint8_t>(4 + 2 * count)));
    load(argument(which) + 4);
    program_.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, static_cast<std::uint8_t>(1 + 2 * count)));
    load(argument(which));
    for (const std::uint32_t value : values) when(value, yes);
    answer(no);
  }

  std::vector<sock_filter> program_;
};

// ---- Landlock: which files.

constexpr std::uint64_t kReads = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
// All that the first version of Landlock knows; newer kernels know it too.
constexpr std::uint64_t kAll = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

class Ruleset {
 public:
  Ruleset() {
    landlock_ruleset_attr attributes{};
    attributes.handled_access_fs = kAll;
    fd_ = static_cast<int>(::syscall(__NR_landlock_create_ruleset, &attributes,
                                     sizeof attributes.handled_access_fs, 0));
  }
  Ruleset(const Ruleset&) = delete;
  Ruleset& operator=(const Ruleset&) = delete;
  ~Ruleset() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] bool is_there() const { return fd_ >= 0; }

  // What is not there needs no rule.
  void allow(const fs::path& path, std::uint64_t access) {
    const int at = ::open(path.c_str(), O_PATH | O_CLOEXEC);
    if (at < 0) return;
    struct stat info {};
    if (::fstat(at, &info) == 0 && !S_ISDIR(info.st_mode))
      access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
    landlock_path_beneath_attr rule{};
    rule.allowed_access = access;
    rule.parent_fd = at;
    ::syscall(__NR_landlock_add_rule, fd_, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    ::close(at);
  }
  [[nodiscard]] bool enter() { return ::syscall(__NR_landlock_restrict_self, fd_, 0) == 0; }

 private:
  int fd_ = -1;
};

// Rules only give, and give all below: so the folders above a hidden one are opened up into their
// entries, all of which but the hidden one are given.
void allow_all_but(Ruleset& rules, const fs::path& folder, const std::set<fs::path>& hidden) {
  const auto leads_to_hidden = [&hidden](const fs::path& path) {
    return std::any_of(hidden.begin(), hidden.end(), [&](const fs::path& each) {
      const auto [at, rest] = std::mismatch(path.begin(), path.end(), each.begin(), each.end());
      return at == path.end();
    });
  };
  if (hidden.count(folder) > 0) return;
  if (!leads_to_hidden(folder)) return rules.allow(folder, kReads);
  std::error_code ec;
  for (fs::directory_iterator at(folder, ec), end; !ec && at != end; at.increment(ec)) {
    if (!fs::is_symlink(at->symlink_status(ec))) allow_all_but(rules, at->path(), hidden);
  }
}

enum class Landlock { holds, is_not_there, failed };

Landlock restrict_files(const Sandbox& sandbox) {
  Ruleset rules;
  if (!rules.is_there()) return Landlock::is_not_there;
  std::set<fs::path> hidden;
  for (const std::string& folder : sandbox.hidden) {
    if (folder.empty()) continue;
    // One that is made later is hidden too.
    std::error_code ec;
    const fs::path whole = fs::weakly_canonical(fs::absolute(folder, ec), ec);
    if (ec) return Landlock::failed;
    hidden.insert(whole);
  }
  allow_all_but(rules, "/", hidden);
  for (const std::string& folder : sandbox.readable) rules.allow(folder, kReads);
  rules.allow("/dev/null", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
  return rules.enter() ? Landlock::holds : Landlock::failed;
}

// Of root too: what is left is the user's right to his files.
bool drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  return ::syscall(__NR_capset, &header, none) == 0;
}

bool limit(int what, std::uint64_t most) {
  rlimit now{};
  if (::getrlimit(static_cast<__rlimit_resource_t>(what), &now) != 0) return false;
  const rlimit wanted{std::min<rlim_t>(most, now.rlim_max), std::min<rlim_t>(most, now.rlim_max)};
  return ::setrlimit(static_cast<__rlimit_resource_t>(what), &wanted) == 0;
}

}  // namespace

bool bounds_memory() noexcept { return kBoundsMemory; }

base::Result<std::string> enter(const Sandbox& sandbox) {
  if (!limit(RLIMIT_CORE, 0) || !limit(RLIMIT_NOFILE, sandbox.limits.open_files))
    return refused("a limit of the process was not set");
  if (kBoundsMemory && sandbox.limits.memory_bytes > 0 &&
      !limit(RLIMIT_DATA, sandbox.limits.memory_bytes))
    return refused("the memory of the process was not limited");
  if (!drop_capabilities()) return refused("the capabilities of the process were not dropped");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return refused("new privileges were not given up");
  const Landlock files = restrict_files(sandbox);
  if (files == Landlock::failed) return refused("the files of the process were not restricted");
  const bool has_landlock = files == Landlock::holds;
  if (!Filter(has_landlock).install()) return refused("the system call filter was not taken");
  return std::string(has_landlock ? "seccomp, landlock" : "seccomp");
}

}  // namespace z4j::plugin::process
