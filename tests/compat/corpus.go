// SPDX-License-Identifier: MIT

// Command corpus writes heap profiles of its own: inlined and recursive allocators, generics.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
)

type node struct {
	left, right *node
	pad         [48]byte
}

func grow(depth int) *node {
	if depth == 0 {
		return nil
	}
	return &node{left: grow(depth - 1), right: grow(depth - 1)}
}

type list[T any] struct{ items []T }

func (l *list[T]) add(v T) { l.items = append(l.items, v) }

func block(n int) []byte  { return make([]byte, n) }
func blocks(n int) []byte { return block(n) }

var kept []any

func write(path string, debug int) {
	runtime.GC()
	f, err := os.Create(path)
	if err == nil {
		err = pprof.Lookup("heap").WriteTo(f, debug)
		f.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	runtime.MemProfileRate = 512
	dir := os.Args[1]
	kept = append(kept, grow(10))
	for i := 0; i < 1000; i++ {
		kept = append(kept, fmt.Sprintf("string %d", i))
	}
	write(filepath.Join(dir, "go-before.pb.gz"), 0)
	l := &list[string]{}
	for i := 0; i < 5000; i++ {
		l.add(strings.Repeat("x", i%100))
	}
	for i := 0; i < 50; i++ {
		if b := blocks(1000 * i); i%3 == 0 {
			kept = append(kept, b)
		}
	}
	kept = append(kept, l, grow(12))
	write(filepath.Join(dir, "go-after.pb.gz"), 0)
	write(filepath.Join(dir, "go-text.txt"), 1)
}
