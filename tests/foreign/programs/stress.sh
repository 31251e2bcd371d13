# SPDX-License-Identifier: MIT
# Each stressor does a fixed number of operations, and verifies what it wrote.
stress() { # NAME INSTANCES OPERATIONS [OPTION]...
  local name=$1 instances=$2 operations=$3
  shift 3
  stress-ng --quiet --no-rand-seed --temp-path . --verify "--$name" "$instances" "--$name-ops" "$operations" "$@"
  echo "$name: $?"
}
# needs: stress-ng
# ordinary
p_stress_malloc() { stress malloc 2 15000 --malloc-bytes 16m && stress malloc 1 10000 --malloc-bytes 16m --malloc-pthreads 3; }
# needs: stress-ng
# ordinary
p_stress_fork() { stress fork 2 250; }
# needs: stress-ng
# ordinary
p_stress_vfork() { stress vfork 2 1000; }
# needs: stress-ng
# ordinary
p_stress_clone() { stress clone 2 60; }
# needs: stress-ng
# ordinary
p_stress_pthread() { stress pthread 2 4000; }
# needs: stress-ng
# ordinary
p_stress_mmap() { stress mmap 2 8 --mmap-bytes 32m; }
# needs: stress-ng
# only: glibc jemalloc
p_stress_stack() { stress stack 1 5; stress sigsegv 1 500; stress dynlib 1 50; stress exec 1 20; }
# needs: stress-ng
# only: glibc jemalloc
p_stress_more() { stress daemon 1 50; stress zombie 1 200; stress kill 1 1000; stress mremap 1 10 --mremap-bytes 16m; stress bsearch 1 5; stress qsort 1 2; stress tree 1 1; }
