package dgram

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
)

// ReceiveErrors tells how many UDP datagrams the kernel threw away for a wrong checksum and for want of room in a
// receive buffer, since it was opened: InCsumErrors, and RcvbufErrors with MemErrors, of IPv4 and IPv6. These count for
// the whole network namespace, over all sockets, and that is the only place where a datagram of at most 76 bytes, UDP
// header included, is found whose checksum is wrong: the kernel looks at those before it looks for their socket. See
// snmp(7) and RFC 4113.
type ReceiveErrors struct {
	v4, v6 *os.File // the second is nil where there is no IPv6
	start  ReceiveErrorCounts
}

// OpenReceiveErrors opens the counters of the network namespace that the calling thread is in, and stays with that
// namespace. Close it after use.
func OpenReceiveErrors() (*ReceiveErrors, error) {
	runtime.LockOSThread() // thread-self is whoever opens it
	defer runtime.UnlockOSThread()
	v4, err := os.Open("/proc/thread-self/net/snmp")
	if err != nil {
		return nil, fmt.Errorf("dgram: receive errors: %w", err)
	}
	e := &ReceiveErrors{v4: v4}
	if e.v6, err = os.Open("/proc/thread-self/net/snmp6"); err != nil && !os.IsNotExist(err) {
		v4.Close()
		return nil, fmt.Errorf("dgram: receive errors: %w", err)
	} else if err != nil {
		e.v6 = nil
	}
	if e.start, err = e.read(); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Count returns the counts since e was opened. On a nil receiver they are 0.
func (e *ReceiveErrors) Count() (ReceiveErrorCounts, error) {
	if e == nil {
		return ReceiveErrorCounts{}, nil
	}
	c, err := e.read()
	return c.Since(e.start), err
}

func (e *ReceiveErrors) read() (c ReceiveErrorCounts, err error) {
	if err = readCounters(e.v4, c.addSNMP); err == nil && e.v6 != nil {
		err = readCounters(e.v6, c.addSNMP6)
	}
	if err != nil {
		return ReceiveErrorCounts{}, fmt.Errorf("dgram: receive errors: %w", err)
	}
	return c, nil
}

// Close closes the counters.
func (e *ReceiveErrors) Close() error {
	if e == nil {
		return nil
	}
	if e.v6 != nil {
		e.v6.Close()
	}
	return e.v4.Close()
}

// readCounters reads a file of counters from its start, as a whole.
func readCounters(f *os.File, add func([]byte) error) error {
	b := make([]byte, 16<<10)
	n, err := f.ReadAt(b, 0)
	if n == 0 {
		return err
	}
	return add(b[:n])
}

// addSNMP adds the counters of a file like /proc/net/snmp: a line of names, and a line of values.
func (c *ReceiveErrorCounts) addSNMP(b []byte) error {
	var names [][]byte
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		if len(fields) == 0 || string(fields[0]) != "Udp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		found := false
		for i, name := range names[:min(len(names), len(fields))] {
			is, err := c.add(string(name), fields[i])
			if err != nil {
				return err
			}
			found = found || is
		}
		if found {
			return nil
		}
	}
	return fmt.Errorf("no InCsumErrors in /proc/net/snmp")
}

// addSNMP6 adds those of a file like /proc/net/snmp6: a name and a value a line.
func (c *ReceiveErrorCounts) addSNMP6(b []byte) error {
	found := false
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		if len(fields) != 2 {
			continue
		}
		name, ours := bytes.CutPrefix(fields[0], []byte("Udp6"))
		if !ours {
			continue
		}
		is, err := c.add(string(name), fields[1])
		if err != nil {
			return err
		}
		found = found || is
	}
	if !found {
		return fmt.Errorf("no Udp6InCsumErrors in /proc/net/snmp6")
	}
	return nil
}

// add adds a counter by its name, and tells whether it is that of wrong checksums.
func (c *ReceiveErrorCounts) add(name string, value []byte) (checksum bool, err error) {
	to := &c.NoRoom
	switch name {
	case "InCsumErrors":
		to, checksum = &c.Checksum, true
	case "RcvbufErrors", "MemErrors":
	default:
		return false, nil
	}
	n, err := strconv.ParseUint(string(value), 10, 64)
	*to += n
	return checksum, err
}
