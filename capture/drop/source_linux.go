//go:build amd64 || arm64

package drop

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"sockwire/capture"
	"sockwire/capture/internal/bpfprog"
)

// kernel is the program in the running kernel.
type kernel struct {
	bpfprog.Loaded
	maps
	symbols symbols
	closed  atomic.Bool
	stopped atomic.Bool
}

// Open begins to record drops. Every drop after it returns is given, or counted in Stats. Rights are needed only while
// it runs. Errors answer to os.ErrPermission, and to errors.ErrUnsupported where the kernel lacks what it takes.
func Open(cfg *Config) (*Source, error) {
	config, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Source{config: config}
	if err := s.open(); err != nil {
		s.Close()
		return nil, fmt.Errorf("drop: %w", explain(err))
	}
	return s, nil
}

// NetworkOf returns the inode of a network namespace, which a file such as /proc/PID/ns/net or /run/netns/NAME names.
func NetworkOf(path string) (uint64, error) { return bpfprog.NetworkOf(path) }

var (
	errTypes = fmt.Errorf("the kernel has no type information of its own (CONFIG_DEBUG_INFO_BTF): what it drops it only counts, "+
		"in /proc/net/snmp and /proc/net/netstat: %w", errors.ErrUnsupported)
	errReasons = fmt.Errorf("this kernel gives no reasons for dropping packets, Linux 5.17 does: what it drops it only counts, "+
		"in /proc/net/snmp and /proc/net/netstat: %w", errors.ErrUnsupported)
)

// explain says which right is missing.
func explain(err error) error {
	var rejected *ebpf.VerifierError
	if errors.As(err, &rejected) { // which is a lack of permission by its number
		return fmt.Errorf("this kernel does not take the program: %v: %w", err, errors.ErrUnsupported)
	}
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("hearing of drops needs root, or CAP_BPF and CAP_PERFMON: %w", unix.EPERM)
	}
	return err
}

func (s *Source) open() error {
	k := &s.kernel
	spec, err := bpfprog.KernelTypes()
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return err
		}
		return errTypes
	}
	reasons, err := reasonsOf(spec)
	if err != nil {
		return err
	}
	given, err := shapeOf(spec, reasons)
	if err != nil {
		return err
	}
	k.symbols.open()
	s.reading.reason, s.reading.place = reasons.of, k.symbols.find
	if err := k.makeMaps(&s.config); err != nil {
		return err
	}
	p := &program{Code: bpfprog.New(bpfprog.NewLayout(spec)), maps: k.maps}
	p.write(given, s.config.Snaplen)
	if err := k.Loaded.Open(k.ring); err != nil {
		return err
	}
	return k.Run(p.Code, bpfprog.Point("sockwire_drop", "kfree_skb"))
}

func (k *kernel) makeMaps(c *Config) error {
	processors, err := ebpf.PossibleCPU()
	if err != nil {
		return err
	}
	all := []bpfprog.Map{
		{To: &k.ring, Spec: ebpf.MapSpec{Name: "sockwire_drops", Type: ebpf.RingBuf, MaxEntries: uint32(c.Buffer)}},
		{To: &k.scratch, Spec: ebpf.MapSpec{Name: "sockwire_scrap", Type: ebpf.Array, KeySize: 4, ValueSize: scratchSize, MaxEntries: uint32(processors)}},
		{To: &k.counts, Spec: ebpf.MapSpec{Name: "sockwire_counts", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
	}
	if c.All {
		return k.Make(all...)
	}
	networks := c.Networks
	if len(networks) == 0 {
		own, err := NetworkOf("/proc/thread-self/ns/net")
		if err != nil {
			return err
		}
		networks = []uint64{own}
	}
	set := ebpf.MapSpec{Name: "sockwire_networks", Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: maxNetworks}
	if err := k.Make(append(all, bpfprog.Map{To: &k.networks, Spec: set})...); err != nil {
		return err
	}
	for _, n := range networks {
		if err := k.networks.Put(uint32(n), uint32(1)); err != nil {
			return fmt.Errorf("tell the program which network namespaces: %w", err)
		}
	}
	return nil
}

// shapeOf finds what the trace point passes to programs.
func shapeOf(spec *btf.Spec, reasons *reasons) (s shape, err error) {
	var def *btf.Typedef
	if err := spec.TypeByName("btf_trace_kfree_skb", &def); err != nil {
		return s, errTypes
	}
	pointer, ok := btf.UnderlyingType(def).(*btf.Pointer)
	if !ok {
		return s, errTypes
	}
	proto, ok := pointer.Target.(*btf.FuncProto)
	if !ok || len(proto.Params) < 4 { // the first is the program's own
		return s, errReasons
	}
	consumed := int32(-1)
	for n, name := range reasons.names {
		if name == "SKB_CONSUMED" {
			consumed = int32(n)
		}
	}
	return shape{receiver: len(proto.Params) > 4, consumed: consumed}, nil
}

// reasons are the names that the running kernel has.
type reasons struct {
	names   map[uint32]string
	systems map[uint32]string // that have reasons of their own, by their number
}

func reasonsOf(spec *btf.Spec) (*reasons, error) {
	r := &reasons{names: map[uint32]string{}, systems: map[uint32]string{}}
	var e *btf.Enum
	if err := spec.TypeByName("skb_drop_reason", &e); err != nil {
		return nil, errReasons
	}
	for _, v := range e.Values {
		r.names[uint32(v.Value)] = strings.TrimPrefix(v.Name, "SKB_DROP_REASON_")
	}
	if spec.TypeByName("skb_drop_reason_subsys", &e) == nil {
		for _, v := range e.Values {
			r.systems[uint32(v.Value)] = strings.TrimPrefix(v.Name, "SKB_DROP_REASON_SUBSYS_")
		}
	}
	return r, nil
}

// of names a reason. Those of a module, whose names the module has, are numbers within it: OPENVSWITCH_3.
func (r *reasons) of(n uint32) Reason {
	if system := n >> 16; system != 0 {
		if name := r.systems[system]; name != "" {
			return Reason{n, fmt.Sprintf("%s_%d", name, n&0xffff)}
		}
		return Reason{n, fmt.Sprintf("SUBSYSTEM_%d_%d", system, n&0xffff)}
	}
	if name := r.names[n]; name != "" {
		return Reason{n, name}
	}
	return Reason{n, fmt.Sprintf("REASON_%d", n)}
}

// epoch is what the programs' clock showed at 1970, as far as it can be: that of the system may be set meanwhile.
func epoch() time.Time {
	return time.Unix(0, int64(bpfprog.Offset(bpfprog.Clock(unix.CLOCK_REALTIME), bpfprog.Clock(unix.CLOCK_MONOTONIC))))
}

func (s *Source) next(f *capture.Frame, wait bool) (bool, error) {
	k := &s.kernel
	for {
		if k.closed.Load() {
			return false, fmt.Errorf("drop: %w", net.ErrClosed)
		}
		packet := false
		got, err := k.Next(wait && !k.stopped.Load(), func(b []byte) (err error) {
			packet, err = s.take(b, epoch())
			return err
		})
		switch {
		case err != nil && k.closed.Load():
			return false, fmt.Errorf("drop: %w", net.ErrClosed)
		case err != nil:
			return false, fmt.Errorf("drop: read the ring: %w", err)
		case packet:
			*f = s.drop.Frame
			if now := time.Now(); now.Sub(s.askedLost) >= lossEvery {
				s.askedLost = now
				if lost := s.losses(); lost > s.saidLost {
					f.Drops, s.saidLost = lost-s.saidLost, lost
					s.drop.Frame.Drops = f.Drops
				}
			}
			return true, nil
		case !got && k.stopped.Load():
			return false, io.EOF
		case !got && !wait:
			return false, nil
		}
	}
}

// lossEvery is how often the kernel is asked how much was lost: that costs more than a drop.
const lossEvery = time.Millisecond

// losses returns how many drops were not recorded: there was no room, or the processor was recording another.
func (s *Source) losses() (n uint64) {
	k := &s.kernel
	var each []uint64
	if k.closed.Load() || k.counts == nil || k.counts.Lookup(uint32(0), &each) != nil {
		return s.lostSoFar()
	}
	for _, c := range each {
		n += c
	}
	return n + k.Misses()
}

func (s *Source) lostSoFar() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats.Lost
}

// Stats returns what became of the drops so far.
func (s *Source) Stats() Stats {
	lost := s.losses()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Lost = max(s.stats.Lost, lost)
	return s.stats
}

// Functions tells whether the names of functions are known. Where they are not, places are addresses.
func (s *Source) Functions() bool { return s.kernel.symbols.known() }

// Stop ends the recording. What was recorded is still given.
func (s *Source) Stop() error {
	if !s.kernel.stopped.Swap(true) {
		s.Stats()
		s.kernel.Detach()
		return s.kernel.Flush()
	}
	return nil
}

// Close takes the program out of the kernel and frees what it has.
func (s *Source) Close() error {
	if !s.kernel.closed.Swap(true) {
		s.kernel.Loaded.Close()
		s.kernel.symbols.close()
	}
	return nil
}
