// SPDX-License-Identifier: MIT
//
// Google Benchmark prints what each benchmark allocates by iteration when it has a MemoryManager.
// This one asks heaptap. In exact mode the counts are those of every allocation:
//
//   c++ -O2 -I include docs/examples/benchmark_memory.cc -lbenchmark -lpthread -o benchmarks
//   heaptap stat -- ./benchmarks --benchmark_format=json
//
// Without heaptap no manager is registered, and the benchmarks run as they are.

#include <benchmark/benchmark.h>
#include <heaptap/heaptap.h>

#include <memory>
#include <string>
#include <vector>

class HeaptapMemoryManager : public benchmark::MemoryManager
{
public:
    void Start() override
    {
        heaptap_call_counts(&before_);
    }

    void Stop(Result *result) override
    {
        heaptap_counts now;
        if (heaptap_call_counts(&now))
            return;
        result->num_allocs = static_cast<int64_t>(now.allocations - before_.allocations);
        result->total_allocated_bytes =
            static_cast<int64_t>(now.allocated_bytes - before_.allocated_bytes);
        result->net_heap_growth = result->total_allocated_bytes -
                                  static_cast<int64_t>(now.freed_bytes - before_.freed_bytes);
    }

    void Stop(Result &result) override
    {
        Stop(&result);
    }

private:
    heaptap_counts before_{};
};

static void BM_Strings(benchmark::State &state)
{
    for (auto _ : state) {
        std::vector<std::unique_ptr<std::string>> all;
        all.reserve(16);
        for (int i = 0; i < 16; i++)
            all.push_back(std::make_unique<std::string>(60, 'x'));
        benchmark::DoNotOptimize(all);
    }
}
BENCHMARK(BM_Strings);

int main(int argc, char **argv)
{
    HeaptapMemoryManager manager;
    benchmark::Initialize(&argc, argv);
    if (heaptap_call_active() > 0)
        benchmark::RegisterMemoryManager(&manager);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::RegisterMemoryManager(nullptr);
    benchmark::Shutdown();
    return 0;
}
