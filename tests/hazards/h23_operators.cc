// SPDX-License-Identifier: MIT
// Hazard 23: an allocator that is not glibc's: its operator delete frees directly; sized deletes; its own extensions.
// Shows: every operator new and delete, jemalloc's and tcmalloc's functions where they are, all counted and all freed.
// Seen failing without "an allocator's own operators are hooked" (mutants); and before the hooks' own frames were left out of the
// stacks of operator new.
extern "C" {
#include "hazard.h"
}
#include <dlfcn.h>
#include <execinfo.h>
#include <new>
#include <stdexcept>
#include <unwind.h>
#include <vector>

struct alignas(64) wide {
  char bytes[640];
};
enum { N = 50 };

NOINLINE static void *site_new(int kind, size_t n) {
  void *p = nullptr;
  switch (kind) {
  case 0: p = operator new(n); break;
  case 1: p = operator new[](n); break;
  case 2: p = operator new(n, std::nothrow); break;
  case 3: p = operator new[](n, std::nothrow); break;
  case 4: p = operator new(n, std::align_val_t(64)); break;
  case 5: p = operator new[](n, std::align_val_t(64)); break;
  case 6: p = operator new(n, std::align_val_t(64), std::nothrow); break;
  case 7: p = operator new[](n, std::align_val_t(64), std::nothrow); break;
  }
  STAY(p);
  return p;
}
static void drop(int kind, int how, void *p, size_t n) {
  const std::align_val_t a{64};
  switch (kind * 3 + how) {
  case 0: operator delete(p); break;
  case 1: operator delete(p, n); break;
  case 2: operator delete(p, std::nothrow); break;
  case 3: operator delete[](p); break;
  case 4: operator delete[](p, n); break;
  case 5: operator delete[](p, std::nothrow); break;
  case 6: operator delete(p, a); break;
  case 7: operator delete(p, n, a); break;
  case 8: operator delete(p, a, std::nothrow); break;
  case 9: operator delete[](p, a); break;
  case 10: operator delete[](p, n, a); break;
  case 11: operator delete[](p, a, std::nothrow); break;
  }
}

template <class F> static F *function(const char *name) { return reinterpret_cast<F *>(dlsym(RTLD_DEFAULT, name)); }

using make_t = void *(size_t);
NOINLINE static void *site_tc(make_t *make, size_t n) {
  void *p = make(n);
  STAY(p);
  return p;
}
NOINLINE static void *site_mallocx(void *(*make)(size_t, int), size_t n, int flags) {
  void *p = make(n, flags);
  STAY(p);
  return p;
}

// A preloaded unwinder would put itself in place of the program's.
static bool comes_from(const void *function, const char *library) {
  Dl_info info;
  return dladdr(function, &info) && strstr(info.dli_fname, library);
}

int main() {
  CHECK(comes_from(dlsym(RTLD_DEFAULT, "_Unwind_RaiseException"), "libgcc_s"),
        "the unwinder's exceptions come from libgcc_s");
  CHECK(comes_from(dlsym(RTLD_DEFAULT, "_Unwind_Backtrace"), "libgcc_s"), "_Unwind_Backtrace comes from libgcc_s");
  CHECK(comes_from(dlsym(RTLD_DEFAULT, "backtrace"), "libc.so"), "backtrace comes from libc");
  void *frames[16];
  CHECK(backtrace(frames, 16) >= 2, "backtrace finds the caller");
  for (int kind = 0; kind < 8; kind++)
    for (int i = 0; i < N * 3; i++) {
      size_t n = 704 + 64 * static_cast<size_t>(kind); // libstdc++ rounds up to the alignment
      char *p = static_cast<char *>(site_new(kind, n));
      CHECK(p, "operator new returns a block");
      if (kind >= 4)
        CHECK(reinterpret_cast<uintptr_t>(p) % 64 == 0, "an aligned operator new aligns its block");
      memset(p, kind, n);
      drop(kind / 4 * 2 + kind % 2, i % 3, p, n);
    }
  long total = 0;
  for (int kind = 0; kind < 8; kind++)
    total += (704 + 64 * kind) * N * 3;
  truth("_ZL8site_newim", 8 * N * 3, total, 0, 0);
  for (int i = 0; i < N; i++) {
    delete new wide;
    delete[] new wide[3];
    std::vector<wide> v(5);
  }
  const char *allocator = getenv("H_ALLOCATOR");
  bool thrown = allocator && strcmp(allocator, "mimalloc") == 0; // it aborts instead
  if (!thrown)
    try {
      void *p = operator new(SIZE_MAX / 4);
      STAY(p);
    } catch (const std::bad_alloc &) {
      thrown = true;
    }
  CHECK(thrown, "operator new throws bad_alloc when memory is out");
  thrown = false;
  try {
    throw std::runtime_error("an exception that passes through frames of C++");
  } catch (const std::exception &e) {
    thrown = e.what()[0] == 'a';
  }
  CHECK(thrown, "an exception passes through frames of C++ and is caught");

  if (auto make = function<make_t>("tc_malloc"); make && function<void(void *)>("tc_free")) {
    auto give_back = function<void(void *)>("tc_free");
    auto change = function<void *(void *, size_t)>("tc_realloc");
    auto sized = function<void(void *, size_t)>("tc_free_sized");
    for (int i = 0; i < N; i++) {
      void *p = site_tc(make, 3000);
      CHECK(p, "tc_malloc returns a block");
      if (i % 3 == 0 && change)
        give_back(change(p, 6000));
      else if (i % 3 == 1 && sized)
        sized(p, 3000);
      else
        free(p);
    }
    truth("_ZL7site_tcPFPvmEm", N, 3000 * N, 0, 0);
    if (auto fresh = function<make_t>("tc_new"))
      function<void(void *)>("tc_delete")(fresh(100));
  }
  if (auto make = function<void *(size_t, int)>("mallocx")) {
    auto change = function<void *(void *, size_t, int)>("rallocx");
    auto grow = function<size_t(void *, size_t, size_t, int)>("xallocx");
    auto size_of = function<size_t(const void *, int)>("sallocx");
    auto give_back = function<void(void *, int)>("dallocx");
    auto sized = function<void(void *, size_t, int)>("sdallocx");
    auto would = function<size_t(size_t, int)>("nallocx");
    CHECK(change && grow && size_of && give_back && sized && would, "jemalloc's own functions are found");
    const int aligned_256 = 8, zero = 0x40;
    for (int i = 0; i < N; i++) {
      char *p = static_cast<char *>(site_mallocx(make, 3000, i % 2 ? aligned_256 : zero));
      CHECK(p, "mallocx returns a block");
      CHECK(size_of(p, 0) >= 3000, "sallocx says at least what was asked for");
      CHECK(would(3000, 0) >= 3000, "nallocx says at least what was asked for");
      if (i % 2)
        CHECK(reinterpret_cast<uintptr_t>(p) % 256 == 0, "mallocx aligns its block");
      else {
        CHECK(p[0] == 0, "mallocx zeroes the first byte");
        CHECK(p[2999] == 0, "mallocx zeroes the last byte");
      }
      switch (i % 4) {
      case 0: give_back(change(p, 9000, 0), 0); break;
      case 1: sized(p, 3000, aligned_256); break;
      case 2:
        CHECK(grow(p, 3000, 0, 0) >= 3000, "xallocx says at least the size before");
        give_back(p, 0);
        break;
      case 3: free(p); break;
      }
    }
    truth("_ZL12site_mallocxPFPvmiEmi", -1, -1, 0, 0);
  }
  return 0;
}
