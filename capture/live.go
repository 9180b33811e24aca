package capture

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/bpf"
)

// Any is the interface name that captures on every interface of the network namespace, in cooked mode:
// frames have the link type LinkLinuxSLL2, whatever the device.
const Any = "any"

// DefaultBuffer is the kernel buffer, in bytes, of a live capture that does not ask for a size.
const DefaultBuffer = 16 << 20

// Config says how to capture. The zero value captures whole frames in both directions, not
// promiscuously, for throughput: frames wait up to Timeout in the ring before the reader sees them.
type Config struct {
	// Immediate hands over each frame as soon as the kernel has it, at the price of a system call and
	// a copy for each batch of those waiting. It also makes the drop count of each frame exact.
	Immediate bool
	// Timeout is how long a frame may wait in an unfilled ring block, in steps of a millisecond;
	// 0 means 50 ms. It means nothing with Immediate.
	Timeout time.Duration
	// Snaplen is the longest Frame.Data in bytes; 0 means 262144, which no frame reaches.
	Snaplen int
	// Buffer is the kernel buffer in bytes, from 64 KiB to 1 GiB; 0 means DefaultBuffer. Live.Buffer
	// tells what the kernel granted.
	Buffer int
	// Promiscuous asks the device for frames addressed to others too, until the Live is closed.
	Promiscuous bool
	// Direction keeps only frames that go this way; DirectionUnknown keeps both. Loopback frames,
	// which the kernel shows going out and coming in, are given once whatever the direction.
	Direction Direction
	// Expression is the filter, such as a *filter.Filter: it is compiled for the interface and in force before the
	// first frame is taken. Its text goes into capture files.
	Expression Expression
	// Filter is, where there is no Expression, a classic BPF program, in force before the first frame is taken. It is
	// written for the frame as the kernel holds it: a VLAN tag that the device took off is in the ancillary data. For a
	// cooked source it is written for LinkLinuxSLL2.
	Filter []bpf.RawInstruction
	// FilterText is the expression Filter was compiled from; it goes into capture files.
	FilterText string
	// DeviceTime asks for the device's own time stamps. Open fails with errors.ErrUnsupported where the
	// device has none. The device's clock need not be the system's.
	DeviceTime bool
}

const (
	maxSnaplen     = 262144
	minBuffer      = 64 << 10
	maxBuffer      = 1 << 30
	defaultTimeout = 50 * time.Millisecond
)

// withDefaults returns the configuration with zeros replaced, or what is wrong with it.
func (c *Config) withDefaults() (Config, error) {
	var out Config
	if c != nil {
		out = *c
	}
	switch {
	case out.Snaplen < 0 || out.Snaplen > maxSnaplen:
		return out, fmt.Errorf("snaplen %d is not in 0..%d", out.Snaplen, maxSnaplen)
	case out.Buffer != 0 && (out.Buffer < minBuffer || out.Buffer > maxBuffer):
		return out, fmt.Errorf("buffer of %d bytes is not in %d..%d", out.Buffer, minBuffer, maxBuffer)
	case out.Timeout < 0 || out.Timeout > time.Minute:
		return out, fmt.Errorf("timeout %v is not in 0..1m", out.Timeout)
	case out.Direction > DirectionOut:
		return out, fmt.Errorf("direction %d is not known", out.Direction)
	}
	if out.Snaplen == 0 {
		out.Snaplen = maxSnaplen
	}
	if out.Buffer == 0 {
		out.Buffer = DefaultBuffer
	}
	if out.Timeout == 0 {
		out.Timeout = defaultTimeout
	}
	if len(out.Filter) > 4096 {
		return out, fmt.Errorf("filter of %d instructions is longer than the kernel's limit of 4096", len(out.Filter))
	}
	return out, nil
}

// Expression is a filter that can be compiled for live frames. capture/filter makes them.
type Expression interface {
	// CompileLive compiles for frames of a link type as Linux has them, of which up to snaplen bytes are kept. netmask
	// is the interface's IPv4 mask, the zero Addr where it has none. No instructions take every frame.
	CompileLive(link LinkType, snaplen int, netmask netip.Addr) ([]bpf.RawInstruction, error)
	// Text is the expression as it was written.
	Text() string
}

// Live is a live capture. Only on Linux can there be one, on packet sockets: see packet(7).
//
// One goroutine reads; Stats, Interfaces, Stop, SetReadDeadline and Close may be called from others.
type Live struct{ live }

// Open captures on the interface ifname, or on all with Any, in the network namespace of the calling
// thread. A nil cfg means the zero Config. It needs CAP_NET_RAW, and only while it runs: capabilities
// can be dropped afterwards. Every frame that the kernel sees after Open returns is delivered or counted
// in Stats.
//
// Errors answer to os.ErrPermission, ErrNoDevice and, where the system is not Linux, errors.ErrUnsupported.
func Open(ctx context.Context, ifname string, cfg *Config) (*Live, error) {
	err := ctx.Err()
	l := &Live{live{name: ifname}}
	if err == nil {
		l.config, err = cfg.withDefaults()
	}
	if err == nil {
		err = l.open()
	}
	if err != nil {
		return nil, fmt.Errorf("capture: open %s: %w", ifname, err)
	}
	return l, nil
}

// LinkOf returns the link type that frames of an interface will have, for which a filter has to be compiled.
func LinkOf(ifname string) (LinkType, error) {
	link, err := linkOf(ifname)
	if err != nil {
		return 0, fmt.Errorf("capture: open %s: %w", ifname, err)
	}
	return link, nil
}

// Netmask returns the IPv4 mask of an interface, which "ip broadcast" needs in a filter; the zero Addr where there is
// none.
func Netmask(ifname string) netip.Addr {
	i, err := net.InterfaceByName(ifname)
	if err != nil {
		return netip.Addr{}
	}
	addrs, err := i.Addrs()
	if err != nil {
		return netip.Addr{}
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && len(n.Mask) == net.IPv4len {
			mask, _ := netip.AddrFromSlice(n.Mask)
			return mask
		}
	}
	return netip.Addr{}
}

var errEmpty = errors.New("nothing is queued")

// Next waits for the next frame and fills f. f.Data and f.Comments belong to the Live until the following
// call of Next or TryNext, also across Close. It returns io.EOF after Stop when nothing is left, an error
// wrapping net.ErrClosed after Close, and one wrapping os.ErrDeadlineExceeded at the read deadline. It
// does not allocate.
func (l *Live) Next(f *Frame) error { return l.read(f, true) }

// TryNext fills f with a frame that is already queued and returns true; with nothing queued it returns
// false at once. With Config.Immediate, every frame that the kernel saw before the call is queued, so that
// calling it until it returns false reads all packets up to now. Without, frames in an unfilled ring block
// are not visible yet: use Stop.
func (l *Live) TryNext(f *Frame) (bool, error) {
	err := l.read(f, false)
	if err == errEmpty {
		return false, nil
	}
	return err == nil, err
}

// Frames yields frames until ctx is done, Stop has been called and all is read, or an error. The end of
// ctx is not yielded as an error.
func (l *Live) Frames(ctx context.Context) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) { l.frames(ctx, yield) }
}

// Interfaces returns the captured interface; with Any, Any itself and then every interface a frame was
// seen on, in that order. The slice is the caller's.
func (l *Live) Interfaces() []Interface { return l.interfaces() }

// Buffer returns the kernel buffer that was granted, in bytes. For Config.Immediate the kernel charges
// its bookkeeping to it too: about 800 bytes a small frame.
func (l *Live) Buffer() int { return l.buffer() }

// SetReadDeadline makes a waiting and every later Next fail at t; the zero time removes the deadline. Stop
// overrides it.
func (l *Live) SetReadDeadline(t time.Time) error { return l.setReadDeadline(t) }

// Stats returns what was counted since Open. It costs a system call.
func (l *Live) Stats() (Stats, error) { return l.counts() }

// Stop takes no more frames: those that the kernel saw before stay queued, Next delivers them and then
// returns io.EOF. A waiting Next is woken. It takes some milliseconds, for the kernel to be sure that no
// processor is still delivering.
func (l *Live) Stop() error { return l.stop() }

// Close ends the capture and wakes a waiting Next. The data of the last frame stays valid until the reader
// calls Next or TryNext again.
func (l *Live) Close() error { return l.close() }

// Stats counts what a live capture has seen since it was opened.
type Stats struct {
	// Received counts the frames that passed the filter and were kept for the reader.
	Received uint64
	// Dropped counts the frames that passed the filter and were lost because the buffer was full.
	Dropped uint64
	// Freezes counts how often the ring was full.
	Freezes uint64
	// Delivered counts the frames given to the reader, up to the last batch while it reads.
	Delivered uint64
	// Skipped counts the frames kept for the reader that the filter refused only then, up to the last batch.
	Skipped uint64
}

// Device is an interface that could be captured on.
type Device struct {
	Name  string
	Index int // 0 for Any
	MTU   int
	Flags net.Flags
	Addrs []net.Addr
}

// Interfaces lists the interfaces of this network namespace, Any last where it is supported.
func Interfaces() ([]Device, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("capture: list interfaces: %w", err)
	}
	devices := make([]Device, 0, len(list)+1)
	for _, i := range list {
		addrs, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("capture: addresses of %s: %w", i.Name, err)
		}
		devices = append(devices, Device{Name: i.Name, Index: i.Index, MTU: i.MTU, Flags: i.Flags, Addrs: addrs})
	}
	if anySupported {
		devices = append(devices, Device{Name: Any, Flags: net.FlagUp | net.FlagRunning})
	}
	return devices, nil
}

// ErrNoDevice means that an interface does not exist in this network namespace.
var ErrNoDevice = errors.New("no such interface")
