/* SPDX-License-Identifier: MIT */
/* Names in each mode, as google/pprof writes them where it knows the language. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "symbolize/symbolize.h"

static const struct {
    const char *symbol, *plain, *templates, *full;
} cases[] = {
    {"main", "main", "main", "main"},
    {"", "", "", ""},
    {"_Z", "_Z", "_Z", "_Z"},
    {"_Zrubbish", "_Zrubbish", "_Zrubbish", "_Zrubbish"},
    {"_Z3foov.cold", "foo", "foo", "foo()"},
    {"_ZN12_GLOBAL__N_13fooEv", "(anonymous namespace)::foo", "(anonymous namespace)::foo",
     "(anonymous namespace)::foo()"},
    {"_ZNKSt8functionIFivEEclEv", "std::function::operator()", "std::function<int ()>::operator()",
     "std::function<int ()>::operator()() const"},
    {"_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()",
     "main::{lambda(int)#1}::operator()", "main::{lambda(int)#1}::operator()(int) const"},
    {"_ZNKSi6sentrycvbEv", "std::istream::sentry::operator bool",
     "std::istream::sentry::operator bool", "std::istream::sentry::operator bool() const"},
    {"_ZlsIcERSoS0_T_", "operator<<", "operator<< <char>",
     "std::ostream& operator<< <char>(std::ostream&, char)"},
    {"_ZN1AssERKS_", "A::operator<=>", "A::operator<=>", "A::operator<=>(A const&)"},
    {"_ZN1AptEv", "A::operator->", "A::operator->", "A::operator->()"},
    {"_ZN1BIiE1fILi3EEEvT_", "B::f", "B<int>::f<3>", "void B<int>::f<3>(3)"},
    {"_Z1fIXgtLi3ELi2EEEvv", "f", "f<((3)>(2))>", "void f<((3)>(2))>()"},
    /* Rust, legacy and v0: the hash goes. */
    {"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad",
     "core::fmt::Formatter::pad", "core::fmt::Formatter::pad"},
    {"_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar", "mycrate::foo::bar",
     "mycrate::foo::bar"},
    {"_D3foo3barFiZv", "foo.bar", "foo.bar", "foo.bar(int)"},
    {"_D3foo__T3barTiZQhFiZv", "foo.bar!(int).bar", "foo.bar!(int).bar", "foo.bar!(int).bar(int)"},
    {"_Dmain", "D main", "D main", "D main"},
    /* Names that come without mangling. */
    {"shop::fill<3>(int)", "shop::fill", "shop::fill<3>", "shop::fill<3>(int)"},
    {"main.(*T[...]).Method", "main.(*T[...]).Method", "main.(*T[...]).Method",
     "main.(*T[...]).Method"},
    {"java.util.Map.<init>", "java.util.Map.<init>", "java.util.Map.<init>",
     "java.util.Map.<init>"},
    {"a::b>c", "a::b>c", "a::b>c", "a::b>c"},
};

static void expect(const char *symbol, enum ht_demangle mode, const char *want)
{
    char *got = ht_demangle(symbol, mode);
    assert_non_null(got);
    assert_string_equal(got, want);
    free(got);
}

static void names(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect(cases[i].symbol, HT_DEMANGLE_DEFAULT, cases[i].plain);
        expect(cases[i].symbol, HT_DEMANGLE_TEMPLATES, cases[i].templates);
        expect(cases[i].symbol, HT_DEMANGLE_FULL, cases[i].full);
        expect(cases[i].symbol, HT_DEMANGLE_NONE, cases[i].symbol);
    }
}

/* A name whose readable form would fill the memory, and one that is merely long. */
static void monsters(void **state)
{
    char deep[4096] = "_Z1f";
    for (int i = 0; i < 1000; i++)
        strcat(deep, "PPP");
    strcat(deep, "i");
    char *s = ht_demangle(deep, HT_DEMANGLE_FULL);
    assert_non_null(s);
    assert_true(strlen(s) <= 64 << 10);
    free(s);
    size_t n = 1 << 20;
    char *big = malloc(n + 1);
    memset(big, 'a', n);
    memcpy(big, "_ZN", 3);
    big[n] = 0;
    s = ht_demangle(big, HT_DEMANGLE_DEFAULT);
    assert_string_equal(s, big);
    free(s);
    free(big);
}

static void modes(void **state)
{
    enum ht_demangle mode;
    assert_int_equal(ht_demangle_parse("templates", &mode), 0);
    assert_int_equal(mode, HT_DEMANGLE_TEMPLATES);
    assert_true(ht_demangle_parse("Full", &mode) < 0);
    assert_true(ht_demangle_parse("", &mode) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(monsters),
                                       cmocka_unit_test(modes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
