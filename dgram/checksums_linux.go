package dgram

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
)

// ChecksumErrors tells how many UDP datagrams the kernel threw away for a wrong checksum (InCsumErrors and
// Udp6InCsumErrors). The kernel counts them among the drops of their socket too, so this is what tells damage from a full
// receive buffer. It counts for the whole network namespace; only the sum over all sockets is known. See snmp(7) and
// RFC 4113.
type ChecksumErrors struct {
	v4, v6 *os.File // the second is nil where there is no IPv6
}

// OpenChecksumErrors opens the counters of the network namespace that the calling thread is in, and stays with that
// namespace. Close it after use.
func OpenChecksumErrors() (*ChecksumErrors, error) {
	runtime.LockOSThread() // thread-self is whoever opens it
	defer runtime.UnlockOSThread()
	v4, err := os.Open("/proc/thread-self/net/snmp")
	if err != nil {
		return nil, fmt.Errorf("dgram: checksum errors: %w", err)
	}
	v6, err := os.Open("/proc/thread-self/net/snmp6")
	if err != nil && !os.IsNotExist(err) {
		v4.Close()
		return nil, fmt.Errorf("dgram: checksum errors: %w", err)
	}
	return &ChecksumErrors{v4, v6}, nil
}

// Count returns the count so far, over IPv4 and IPv6. On a nil receiver it is 0.
func (c *ChecksumErrors) Count() (uint64, error) {
	if c == nil {
		return 0, nil
	}
	n, err := readCounter(c.v4, snmpChecksumErrors)
	if err == nil && c.v6 != nil {
		var v6 uint64
		v6, err = readCounter(c.v6, snmp6ChecksumErrors)
		n += v6
	}
	if err != nil {
		return 0, fmt.Errorf("dgram: checksum errors: %w", err)
	}
	return n, nil
}

// Close closes the counters.
func (c *ChecksumErrors) Close() error {
	if c == nil {
		return nil
	}
	if c.v6 != nil {
		c.v6.Close()
	}
	return c.v4.Close()
}

// readCounter reads a file of counters from its start, as a whole.
func readCounter(f *os.File, find func([]byte) (uint64, error)) (uint64, error) {
	b := make([]byte, 16<<10)
	n, err := f.ReadAt(b, 0)
	if n == 0 {
		return 0, err
	}
	return find(b[:n])
}

// snmpChecksumErrors finds the counter in a file like /proc/net/snmp: a line of names, and a line of values.
func snmpChecksumErrors(b []byte) (uint64, error) {
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
		for i, name := range names {
			if string(name) == "InCsumErrors" && i < len(fields) {
				return strconv.ParseUint(string(fields[i]), 10, 64)
			}
		}
	}
	return 0, fmt.Errorf("no InCsumErrors in /proc/net/snmp")
}

// snmp6ChecksumErrors finds it in a file like /proc/net/snmp6: a name and a value a line.
func snmp6ChecksumErrors(b []byte) (uint64, error) {
	for line := range bytes.Lines(b) {
		if fields := bytes.Fields(line); len(fields) == 2 && string(fields[0]) == "Udp6InCsumErrors" {
			return strconv.ParseUint(string(fields[1]), 10, 64)
		}
	}
	return 0, fmt.Errorf("no Udp6InCsumErrors in /proc/net/snmp6")
}
