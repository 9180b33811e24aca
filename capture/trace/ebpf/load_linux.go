//go:build amd64 || arm64

package ebpf

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
)

// maps are what the programs share with each other and with the reader.
type maps struct {
	ring     *ebpf.Map
	threads  *ebpf.Map // state of each traced thread
	scratch  *ebpf.Map // one for each processor
	table    *ebpf.Map // of system calls
	sequence *ebpf.Map // number of the last record
	follow   *ebpf.Map // what to begin with
	lost     *ebpf.Map // records without room in the ring, for each processor
}

// loaded is programs in the running kernel, their maps and the ring that they write. The zero value has none.
type loaded struct {
	all      []*ebpf.Map
	programs []*ebpf.Program
	links    []link.Link
	reader   *ringbuf.Reader
	sample   []byte // that was read last
}

// kernel is the programs at system calls.
type kernel struct {
	maps
	loaded
}

func (k *loaded) make(dst **ebpf.Map, spec ebpf.MapSpec) error {
	m, err := ebpf.NewMap(&spec)
	if err != nil {
		return fmt.Errorf("make the map %s: %w", spec.Name, err)
	}
	*dst = m
	k.all = append(k.all, m)
	return nil
}

// open readies the ring to be read.
func (k *loaded) open(ring *ebpf.Map) (err error) {
	if k.reader, err = ringbuf.NewReader(ring); err != nil {
		return fmt.Errorf("read the ring: %w", err)
	}
	return nil
}

// run loads a program that was written and attaches it to what is called that.
func (k *loaded) run(c *code, spec ebpf.ProgramSpec, to string, attach func(*ebpf.Program) (link.Link, error)) error {
	program, err := c.build(spec)
	if err != nil {
		return err
	}
	k.programs = append(k.programs, program)
	at, err := attach(program)
	if err != nil {
		return fmt.Errorf("attach to %s: %w", to, err)
	}
	k.links = append(k.links, at)
	return nil
}

// read takes what is in the ring, up to a limit, and tells whether there may be more.
func (k *loaded) read(take func([]byte) error) (more bool, err error) {
	if k.reader == nil {
		return false, nil
	}
	k.reader.SetDeadline(time.Unix(1, 0)) // do not wait
	var raw ringbuf.Record
	for range readLimit {
		raw.RawSample = k.sample
		err := k.reader.ReadInto(&raw)
		k.sample = raw.RawSample
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return false, nil
		}
		if err == nil {
			err = take(raw.RawSample)
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

var errTypes = errors.New("read the kernel's type information")

// load makes maps and programs and attaches them, to no thread yet.
func load(cfg *Config) (k *kernel, err error) {
	k = &kernel{}
	defer func() {
		if err != nil {
			k.close()
			k = nil
		}
	}()
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return k, fmt.Errorf("%w: %w", errTypes, err)
	}
	processors, err := ebpf.PossibleCPU()
	if err != nil {
		return k, err
	}
	state := &btf.Int{Name: "u32", Size: 4}
	words := &btf.Array{Index: state, Type: state, Nelems: sSize / 4}
	for _, m := range []struct {
		dst  **ebpf.Map
		spec ebpf.MapSpec
	}{
		{&k.ring, ebpf.MapSpec{Name: "sockwire_ring", Type: ebpf.RingBuf, MaxEntries: uint32(cfg.ring())}},
		// Task storage must say of what types its keys and values are.
		{&k.threads, ebpf.MapSpec{Name: "sockwire_thread", Type: ebpf.TaskStorage, Flags: noPrealloc, KeySize: 4, ValueSize: sSize, Key: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}, Value: words}},
		{&k.scratch, ebpf.MapSpec{Name: "sockwire_scrap", Type: ebpf.Array, KeySize: 4, ValueSize: scratch, MaxEntries: uint32(processors)}},
		{&k.table, ebpf.MapSpec{Name: "sockwire_calls", Type: ebpf.Array, KeySize: 4, ValueSize: 8 * tableCalls, MaxEntries: 1}},
		{&k.sequence, ebpf.MapSpec{Name: "sockwire_seq", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
		{&k.maps.follow, ebpf.MapSpec{Name: "sockwire_follow", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
		{&k.lost, ebpf.MapSpec{Name: "sockwire_lost", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
	} {
		if err := k.make(m.dst, m.spec); err != nil {
			return k, err
		}
	}
	if err := k.table.Put(uint32(0), callTable(cfg.Wait)); err != nil {
		return k, fmt.Errorf("fill the table of calls: %w", err)
	}
	data := cfg.data()
	l := &layout{spec: spec}
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
		c := &code{layout: l, called: map[string]bool{}}
		p.write(c)
		c.functions(&k.maps, data)
		raw := ebpf.ProgramSpec{Name: p.name, Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: p.tracepoint}
		err := k.run(c, raw, p.tracepoint, func(program *ebpf.Program) (link.Link, error) {
			return link.AttachTracing(link.TracingOptions{Program: program})
		})
		if err != nil {
			return k, err
		}
	}
	if err := k.open(k.ring); err != nil {
		return k, err
	}
	runtime.KeepAlive(spec)
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

// detach ends the recording.
func (k *loaded) detach() {
	for _, l := range k.links {
		l.Close()
	}
	k.links = nil
}

// close takes the programs out of the kernel.
func (k *loaded) close() {
	k.detach()
	for _, p := range k.programs {
		p.Close()
	}
	if k.reader != nil {
		k.reader.Close()
	}
	for _, m := range k.all {
		m.Close()
	}
}

// counts returns how many records were made, and how many of them found no room.
func (k *kernel) counts() (made, lost uint64, err error) {
	var each []uint64
	err = errors.Join(k.sequence.Lookup(uint32(0), &made), k.lost.Lookup(uint32(0), &each))
	for _, n := range each {
		lost += n
	}
	return made, lost, err
}
