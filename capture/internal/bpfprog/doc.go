// Package bpfprog is how this project writes programs for the kernel, loads and attaches them: instruction by
// instruction (Documentation/bpf/standardization), with the places of fields taken from the running kernel's own type
// information (Documentation/bpf/btf.rst). Nothing is compiled and nothing is pinned: the programs are gone with the
// process that loaded them, however it ends.
package bpfprog
