package filter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/bpf"

	"sockwire/capture"
)

// corpusDir finds the captures and filter lists beside the project, or skips.
func corpusDir(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Skip("no go.mod above the working directory, so the corpus cannot be found")
		}
	}
	corpus := filepath.Join(dir, "..", "shared", "corpus")
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("the corpus ../shared/corpus is not here: ", err)
	}
	return corpus
}

// tcpdump is the oracle: libpcap compiles for us through "tcpdump -ddd".
type tcpdump struct {
	path string
	mu   sync.Mutex
	seen map[string]oracleAnswer
	// empty is a capture file without packets for each link type, because -y knows them by DLT numbers
	// of this system only.
	dir string
}

type oracleAnswer struct {
	p   Program
	err error
}

func newOracle(t testing.TB) *tcpdump {
	t.Helper()
	path, err := exec.LookPath("tcpdump")
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal("tcpdump is not installed, and REQUIRE_PEERS is set")
		}
		t.Skip("tcpdump is not installed")
	}
	return &tcpdump{path: path, seen: map[string]oracleAnswer{}, dir: t.TempDir()}
}

// file returns a capture file without packets.
func (o *tcpdump) file(link capture.LinkType) string {
	name := filepath.Join(o.dir, strconv.Itoa(int(link)))
	if _, err := os.Stat(name); err == nil {
		return name
	}
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = binary.LittleEndian.AppendUint32(b, DefaultSnaplen)
	b = binary.LittleEndian.AppendUint32(b, uint32(link))
	if err := os.WriteFile(name, b, 0o600); err != nil {
		panic(err)
	}
	return name
}

// compile asks libpcap. The filter is compiled as for a file, or, where live, as tcpdump -d does for a
// device that is not there: with the Linux extensions.
func (o *tcpdump) compile(link capture.LinkType, expr string, live, optimize bool) (Program, error) {
	key := fmt.Sprint(link, live, optimize, expr)
	o.mu.Lock()
	a, ok := o.seen[key]
	o.mu.Unlock()
	if ok {
		return a.p, a.err
	}
	a.p, a.err = o.ask(link, expr, live, optimize)
	o.mu.Lock()
	o.seen[key] = a
	o.mu.Unlock()
	return a.p, a.err
}

func (o *tcpdump) ask(link capture.LinkType, expr string, live, optimize bool) (Program, error) {
	args := []string{"-ddd"}
	if !optimize {
		args = append(args, "-O")
	}
	if live {
		args = append(args, "-y", link.String())
	} else {
		args = append(args, "-r", o.file(link))
	}
	// "-F" takes what an argument cannot hold, such as a leading minus.
	name := filepath.Join(o.dir, "expr"+strconv.FormatUint(exprFile.next(), 10))
	if err := os.WriteFile(name, []byte(expr), 0o600); err != nil {
		return Program{}, err
	}
	defer os.Remove(name)
	var out, errs bytes.Buffer
	cmd := exec.Command(o.path, append(args, "-F", name)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return Program{}, fmt.Errorf("%w: %s", err, strings.TrimSpace(errs.String()))
	}
	return parseDecimal(out.String())
}

// device compiles for the loopback device, which libpcap opens: then it looks for VLAN tags in the metadata.
func (o *tcpdump) device(expr string, optimize bool) (Program, error) {
	args := []string{"-i", "lo", "-ddd"}
	if !optimize {
		args = append(args, "-O")
	}
	out, err := exec.Command(o.path, append(args, "--", expr)...).Output()
	if err != nil {
		return Program{}, err
	}
	return parseDecimal(string(out))
}

type counter struct {
	mu sync.Mutex
	n  uint64
}

func (c *counter) next() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

var exprFile counter

func parseDecimal(s string) (Program, error) {
	var n int
	r := strings.NewReader(s)
	if _, err := fmt.Fscan(r, &n); err != nil {
		return Program{}, fmt.Errorf("reading %q: %w", s, err)
	}
	raw := make([]bpf.RawInstruction, n)
	for i := range raw {
		// libpcap prints k as a signed number.
		var k int64
		if _, err := fmt.Fscan(r, &raw[i].Op, &raw[i].Jt, &raw[i].Jf, &k); err != nil {
			return Program{}, err
		}
		raw[i].K = uint32(k)
	}
	return oracleProgram(raw), nil
}

// oracleProgram takes libpcap's program without the kernel's checks: protochain jumps backwards. A load of which a mask
// of zero then hides all is none: libpcap 1.11 writes none, 1.10 does.
func oracleProgram(raw []bpf.RawInstruction) Program {
	p := Program{raw: raw, code: make([]instruction, len(raw))}
	for i, r := range raw {
		op, ok := decodeOp[r.Op]
		if !ok {
			panic(fmt.Sprintf("libpcap's program has the code %#x", r.Op))
		}
		if op <= iLdB && op >= iLdW && r.K >= extBase {
			op = iLdExt
		}
		p.code[i] = instruction{op, r.Jt, r.Jf, r.K}
		if op == iJa {
			p.code[i].k = r.K
		}
		if i > 0 && op == iAndK && r.K == 0 && p.code[i-1].op >= iLdW && p.code[i-1].op <= iLdIndB {
			p.code[i-1] = instruction{op: iLdImm}
		}
	}
	return p
}
