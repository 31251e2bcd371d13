// SPDX-License-Identifier: MIT
// Allocation sites behind several levels of inlined templates, lambdas and members.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace shop
{

template <typename T> struct Holder {
    std::vector<T> items;
    inline void put(const T &t)
    {
        items.push_back(t);
    }
    template <typename F> inline void each(F f)
    {
        for (auto &i : items)
            f(i);
    }
};

namespace
{
inline char *raw(size_t n)
{
    char *p = static_cast<char *>(malloc(n));
    if (p)
        p[0] = 1;
    return p;
}
inline char *twice(size_t n)
{
    char *p = raw(n);
    free(p);
    return raw(2 * n);
}
} // namespace

struct Base {
    virtual ~Base()
    {
    }
    virtual int run(int n) = 0;
};

struct Local : Base {
    std::map<int, std::string> names;
    int run(int n) override
    {
        for (int i = 0; i < n; i++)
            names[i] = std::string(static_cast<size_t>(i) + 20, 'x');
        auto grow = [this](int k) {
            struct Inner {
                static char *get(int j)
                {
                    return twice(static_cast<size_t>(j) + 10);
                }
            };
            free(Inner::get(k));
            return static_cast<int>(names.size()) + k;
        };
        return grow(n) + grow(n + 1);
    }
    explicit operator bool() const
    {
        return !names.empty();
    }
};

template <int N> __attribute__((noinline)) int fill(Holder<std::string> &h)
{
    for (int i = 0; i < N; i++)
        h.put(std::to_string(i) + " and a text too long for the small buffer");
    int total = 0;
    h.each([&total](const std::string &s) { total += static_cast<int>(s.size()); });
    return total;
}

} // namespace shop

static __attribute__((noinline)) int unlikely_error(int n)
{
    if (__builtin_expect(n > 1000000, 0)) {
        fprintf(stderr, "too many %d\n", n);
        abort();
    }
    return n;
}

int main(int argc, char **argv)
{
    shop::Holder<std::string> h;
    auto l = std::make_unique<shop::Local>();
    int n = shop::fill<3>(h) + shop::fill<7>(h) + l->run(unlikely_error(argc));
    if (*l)
        printf("%d\n", n);
    return 0;
}
