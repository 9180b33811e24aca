//go:build amd64 || arm64

package ebpf

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"sockwire/capture/internal/bpfprog"
)

// maps are what the programs share with each other and with the reader.
type maps struct {
	ring     *ebpf.Map
	threads  *ebpf.Map // state of each traced thread
	scratch  *ebpf.Map // one for each processor
	table    *ebpf.Map // of system calls
	sequence *ebpf.Map // number of the last record
	follow   *ebpf.Map // what to begin with
	requests *ebpf.Map // of io_uring that are on their way
	lost     *ebpf.Map // records without room in the ring, for each processor
}

// code is one of our programs being written.
type code struct{ *bpfprog.Code }

// kernel is the programs at system calls.
type kernel struct {
	maps
	bpfprog.Loaded
	unringed error // why calls through io_uring are not seen
}

// load makes maps and programs and attaches them, to no thread yet.
func load(cfg *Config) (k *kernel, err error) {
	k = &kernel{}
	defer func() {
		if err != nil {
			k.Close()
			k = nil
		}
	}()
	l, err := bpfprog.KernelLayout()
	if err != nil {
		return k, err
	}
	processors, err := ebpf.PossibleCPU()
	if err != nil {
		return k, err
	}
	state := &btf.Int{Name: "u32", Size: 4}
	words := &btf.Array{Index: state, Type: state, Nelems: sSize / 4}
	err = k.Make([]bpfprog.Map{
		{To: &k.ring, Spec: ebpf.MapSpec{Name: "sockwire_ring", Type: ebpf.RingBuf, MaxEntries: uint32(cfg.ring())}},
		// Task storage must say of what types its keys and values are.
		{To: &k.threads, Spec: ebpf.MapSpec{Name: "sockwire_thread", Type: ebpf.TaskStorage, Flags: noPrealloc, KeySize: 4, ValueSize: sSize, Key: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}, Value: words}},
		{To: &k.scratch, Spec: ebpf.MapSpec{Name: "sockwire_scrap", Type: ebpf.Array, KeySize: 4, ValueSize: scratch, MaxEntries: uint32(processors)}},
		{To: &k.table, Spec: ebpf.MapSpec{Name: "sockwire_calls", Type: ebpf.Array, KeySize: 4, ValueSize: 8 * tableCalls, MaxEntries: 1}},
		{To: &k.sequence, Spec: ebpf.MapSpec{Name: "sockwire_seq", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
		{To: &k.maps.follow, Spec: ebpf.MapSpec{Name: "sockwire_follow", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
		{To: &k.lost, Spec: ebpf.MapSpec{Name: "sockwire_lost", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
	}...)
	if err != nil {
		return k, err
	}
	if err := k.table.Put(uint32(0), callTable(cfg.Wait)); err != nil {
		return k, fmt.Errorf("fill the table of calls: %w", err)
	}
	data := cfg.data()
	for _, p := range []struct {
		name, tracepoint string
		write            func(*code)
	}{
		{"sockwire_fork", "sched_process_fork", func(c *code) { c.fork(&k.maps) }},
		{"sockwire_exec", "sched_process_exec", func(c *code) { c.exec(&k.maps) }},
		{"sockwire_exit", "sched_process_exit", func(c *code) { c.exit(&k.maps) }},
		{"sockwire_leave", "sys_exit", func(c *code) { c.leave(&k.maps, data) }},
		{"sockwire_enter", "sys_enter", func(c *code) { c.enter(&k.maps, data) }},
	} {
		c := &code{bpfprog.New(l)}
		p.write(c)
		c.functions(&k.maps, data)
		if err := k.Run(c.Code, bpfprog.Point(p.name, p.tracepoint)); err != nil {
			return k, err
		}
	}
	if err := k.Open(k.ring); err != nil {
		return k, err
	}
	runtime.KeepAlive(l)
	return k, nil
}

// follow is what to begin with: all threads of a process, or what a thread makes.
type follow struct{ process, thread uint32 }

func (k *kernel) follow(f follow) error {
	if err := k.maps.follow.Put(uint32(0), f); err != nil {
		return fmt.Errorf("tell the kernel's programs what to follow: %w", err)
	}
	return nil
}

const noPrealloc = 1 // BPF_F_NO_PREALLOC

// counts returns how many records were made, and how many of them found no room.
func (k *kernel) counts() (made, lost uint64, err error) {
	var each []uint64
	err = errors.Join(k.sequence.Lookup(uint32(0), &made), k.lost.Lookup(uint32(0), &each))
	for _, n := range each {
		lost += n
	}
	return made, lost, err
}
