// SPDX-License-Identifier: MIT
// Allocates through inlined containers, templates, recursion and plain malloc; frees a third.
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace shop
{
struct Order {
    std::string name;
    std::vector<int> lines;
};

class Ledger
{
public:
    void enter(int i)
    {
        orders[i % 500].push_back(Order{std::string(20 + i % 300, 'x'), std::vector<int>(i % 64)});
        if (i % 3 == 0)
            orders[i % 500].clear();
    }

private:
    std::map<int, std::vector<Order>> orders;
};
} // namespace shop

struct Node {
    Node *left, *right;
    char pad[40];
};

__attribute__((noinline)) static Node *grow(int depth)
{
    return depth ? new Node{grow(depth - 1), grow(depth - 1), {}} : nullptr;
}

int main()
{
    static shop::Ledger ledger;
    static Node *tree = grow(12);
    static void *kept[1000];
    for (int i = 0; i < 20000; i++) {
        ledger.enter(i);
        free(kept[i % 1000]);
        kept[i % 1000] = malloc(static_cast<size_t>(i % 5000));
    }
    return tree == nullptr || kept[0] == nullptr;
}
