package whole

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"sockwire/raw/netlab"
)

// strange is text that acts on a terminal, deceives its reader, or is a formula to a spreadsheet: C0, DEL, C1, controls
// that turn the direction, separators, characters without width, and invalid UTF-8.
const strange = "=1+cmd|\x1b[31m\x07\x08\x7f\u009b2J\u200b\u200e\u202e\u2028\u2029\u2066\ufeff\xff\xc3"

// strangeUTF8 is what passes for text.
const strangeUTF8 = "=1+\u009b2J\x7f\u202egnp.exe\u2028\u200b"

// shown fails the test where an output holds what is not to reach a terminal.
func shown(t *testing.T, what string, out []byte) {
	t.Helper()
	for line := range bytes.Lines(out) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		for at := 0; at < len(line); {
			r, n := utf8.DecodeRune(line[at:])
			if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) && r != '\t' {
				t.Errorf("%s writes %q at %d of %q", what, line[at:at+n], at, line)
				break
			}
			at += n
		}
	}
}

// TestStrangersText: whatever a packet, a file, a name or an argument holds, no command writes what acts on a terminal,
// in any format.
func TestStrangersText(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	to := b.Addr4().String()
	dir := t.TempDir()
	payload := filepath.Join(dir, "payload")
	named := filepath.Join(dir, "n\u202eame\x1b[31m")
	utf8Payload := filepath.Join(dir, "payload.utf8")
	for name, text := range map[string]string{payload: strange, named: strange, utf8Payload: strangeUTF8} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pcap := filepath.Join(dir, "x.pcapng")
	syslog := filepath.Join(dir, "syslog.pcapng")
	dns := filepath.Join(dir, "dns.pcapng")
	for file, spec := range map[string]string{
		pcap:   "eth / ip{src=192.0.2.1, dst=192.0.2.2} / udp{sport=514, dport=514} / file{" + payload + "}",
		syslog: "eth / ip{src=192.0.2.1, dst=192.0.2.2} / udp{sport=514, dport=514} / text{<13>} / file{" + utf8Payload + "}",
		dns:    "eth / ip{src=192.0.2.1, dst=192.0.2.2} / udp{dport=53} / hex{123401000001000000000000} / hex{06" + fmt.Sprintf("%x", "\x1b[31m\x7f") + "0000010001}",
	} {
		if r := run(t, a, "rawsend", "-w", file, spec); r.wait() != 0 {
			t.Fatal(r)
		}
	}
	filter := filepath.Join(dir, "filter")
	hosts := filepath.Join(dir, "hosts")
	for name, text := range map[string]string{filter: "host " + strange, hosts: strange + "\n" + to + "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range [][]string{
		{"pktview", "-r", pcap}, {"pktview", "-r", pcap, "-v"}, {"pktview", "-r", pcap, "--json"}, {"pktview", "-r", pcap, "-X"}, {"pktview", "-r", pcap, "-A"},
		{"pktview", "-r", pcap, "--stats"}, {"pktview", "-r", pcap, "--fields", "udp.dstport,data"}, {"pktview", "-r", dns}, {"pktview", "-r", dns, "-v"}, {"pktview", "-r", dns, "--json"},
		{"pktview", "-r", syslog}, {"pktview", "-r", syslog, "-v"}, {"pktview", "-r", syslog, "--json"}, {"pktview", "-r", syslog, "-A"}, {"rawsend", "--describe", "-r", syslog}, {"rawsend", "--describe", "--json", "-r", syslog},
		{"rawsend", "--print", "ip{dst=192.0.2.1, src=192.0.2.2} / udp / text{" + strangeUTF8 + "}"}, {"rawsend", "--print", "--json", "ip{dst=192.0.2.1, src=192.0.2.2} / udp{dport=514} / text{<13>" + strangeUTF8 + "}"},
		{"pktview", "-r", dns, "--format", "csv", "--fields", "dns.question.name"}, {"pktview", "-r", pcap, "-F", filter}, {"pktview", "-r", pcap, strange}, {"pktview", "-r", named},
		{"pktview", "-i", strange}, {"pktview", "-r", pcap, "-w", dir + "/" + strange + "/x"}, {"pktview", "--" + strange}, {"pktview", "-c", strange}, {"pktview", "-y", strange},
		{"pktview", "-r", pcap, "--why", "udp"}, {"pktview", "--explain", strange},
		{"rawsend", "--describe", "-r", pcap}, {"rawsend", "--describe", "--json", "-r", pcap}, {"rawsend", "--print", "-r", pcap}, {"rawsend", "--print", "--json", "-r", pcap},
		{"rawsend", "--print", "ip{dst=192.0.2.1, src=192.0.2.2} / udp / file{" + payload + "}"}, {"rawsend", "--print", strange}, {"rawsend", "--print", "ip{dst=" + strange + "}"},
		{"rawsend", "--print", "ip{dst=192.0.2.1, ttl=from " + payload + "}"}, {"rawsend", "-r", named}, {"rawsend", "-r", pcap, strange}, {"rawsend", "-I", strange, "ip{dst=192.0.2.1} / icmp"},
		{"rawsend", "--to-go", "ip{dst=192.0.2.1, src=192.0.2.2} / udp / text{" + strings.ReplaceAll(strange, "\x00", "") + "}"}, {"rawsend", "--engine", strange, "ip"},
		{"rawping", "-c", "1", "--file", hosts}, {"rawping", "-c", "1", "--json", "--file", hosts}, {"rawping", "-c", "1", "--csv", "--file", hosts}, {"rawping", strange}, {"rawping", "--file", named + "x"},
		{"rawping", "-I", strange, to}, {"rawping", "--generate", strange}, {"rawping", "--" + strange}, {"rawping", "-W", "0.1", "-c", "1", "fe80::1%" + strange},
		{"rawtrace", strange}, {"rawtrace", "--file", hosts}, {"rawtrace", "--file", named + "x"}, {"rawtrace", "--asn", named, to}, {"rawtrace", "-i", strange, to}, {"rawtrace", "-s", strange, to}, {"rawtrace", "--dscp", strange, to},
		{"rawtrace", "--metrics", strange, to}, {"rawtrace", "--" + strange}, {"rawtrace", "fe80::1%" + strange}, {"rawtrace", "--rate", strange, to},
		{"dgsend", strange, "x"}, {"dgsend", "--hex", strange, to + ":9"}, {"dgsend", "--file", named + "x", to + ":9"}, {"dgsend", "--pcap", named, to + ":9"}, {"dgsend", "unix:" + dir + "/" + strange, "x"},
		{"dgrecv", strange}, {"dgrecv", "--join", strange, ":5000"}, {"dgrecv", "--duration", "100ms", "unix:@" + strange}, {"dgrelay", strange, strange}, {"dgrelay", "-x", strange, ":1", ":2"},
		{"dgperf", strange}, {"dgperf", "--pattern", strange, to}, {"dgperf", "--protocol", strange, to},
		{"sockwire", strange}, {"sockwire", "--", strange}, {"sockwire", "--only", strange, "--", "true"}, {"sockwire", "-o", dir + "/" + strange + "/x", "--", "true"}, {"sockwire", "--message", strange, "datagram"},
	} {
		for i := range c {
			c[i] = strings.ReplaceAll(c[i], "\x00", "")
		}
		r := run(t, a, c[0], c[1:]...)
		what := fmt.Sprintf("%+q", c)
		shown(t, what, []byte(r.stdout.String()))
		shown(t, what, []byte(r.stderr.String()))
		for line := range strings.Lines(r.stdout.String()) {
			if strings.Contains(what, `"--json"`) && !json.Valid([]byte(line)) {
				t.Errorf("%s writes %q", what, line)
			}
		}
	}
}

// TestStrangersDatagrams: what comes over sockets is as harmless.
func TestStrangersDatagrams(t *testing.T) {
	t.Parallel()
	_, a, b := netlab.Two(t)
	payload := filepath.Join(t.TempDir(), "payload")
	to := b.Addr4().String() + ":5000"
	for i, format := range []string{"text", "hex", "json", "text", "hex", "json"} {
		text := strange
		if i > 2 {
			text = strangeUTF8
		}
		if err := os.WriteFile(payload, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		server := start(t, b, "dgrecv", "-v", "-c", "1", "--print", format, "--echo", ":5000")
		server.await("listening")
		client := run(t, a, "dgsend", "-v", "--print", format, "--reply", "1", "--file", payload, to)
		server.wait()
		if client.wait() != 0 || len(server.stdout.String()) < 40 || len(client.stdout.String()) < 40 {
			t.Errorf("%s: %v\n%v", format, client, server)
		}
		for _, r := range []*running{server, client} {
			shown(t, fmt.Sprint(r.cmd.Args), []byte(r.stdout.String()))
			shown(t, fmt.Sprint(r.cmd.Args), []byte(r.stderr.String()))
		}
	}
	for _, how := range [][]string{nil, {"--json"}, {"--summary"}, {"--columns"}} { // of strangeUTF8
		args := append(append([]string{"--engine", "ptrace", "--data", "200", "-o", "-"}, how...), "--", program(t, "dgsend"), "--file", payload, to)
		r := run(t, a, "sockwire", args...)
		shown(t, fmt.Sprint(args), []byte(r.stdout.String()))
		shown(t, fmt.Sprint(args), []byte(r.stderr.String()))
	}
}
