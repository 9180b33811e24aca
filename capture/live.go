package capture

import (
	"errors"
	"fmt"
	"net"
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
	// Filter is a classic BPF program, in force before the first frame is taken. It is written for the
	// frame as the kernel holds it: a VLAN tag that the device took off is in the ancillary data. For a
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
