package whole

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestHelpReadsWell: within 80 columns, each value by a word that says what it is, in ASCII where the locale is.
func TestHelpReadsWell(t *testing.T) {
	t.Parallel()
	flag := regexp.MustCompile(`^ +(?:-\S, )?--[\w-]+(?:\[=| )(\S+)`)
	for _, name := range commands {
		for _, locale := range []string{"C", "C.UTF-8"} {
			cmd := exec.Command(program(t, name), "--help")
			cmd.Env = append(os.Environ(), "LC_ALL="+locale)
			text, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s --help: %v", name, err)
			}
			for line := range strings.Lines(string(text)) {
				line = strings.TrimSuffix(line, "\n")
				if locale != "C" && utf8.RuneCountInString(line) > 80 { // "..." is longer than its sign
					t.Errorf("%s --help has a line of %d columns: %s", name, utf8.RuneCountInString(line), line)
				}
				if m := flag.FindStringSubmatch(line); m != nil && !strings.HasPrefix(line, strings.Repeat(" ", 12)) && (m[1][0] < 'A' || m[1][0] > 'Z') {
					t.Errorf("%s --help names no word for the value: %s", name, line)
				}
				if i := strings.IndexFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }); i >= 0 && locale == "C" {
					t.Errorf("%s --help in the locale C has %q", name, line[i:])
				}
			}
		}
	}
}

// TestFlagsOfPeers: who types what they know of the tools that ours take the place of is told what it is here, or taken
// as they mean it.
func TestFlagsOfPeers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, hint string }{
		{"rawping -u 192.0.2.1", "--unreachable"}, {"rawping -C 3 192.0.2.1", "--live"}, {"rawping -H 3 192.0.2.1", "--ttl"}, {"rawping --period 3 192.0.2.1", "--interval"},
		{"rawping 192.0.2.1/30", "--generate"}, {"rawping -i eth0 192.0.2.1", "-I"},
		{"rawtrace -A 192.0.2.1", "--asn"}, {"rawtrace -N 16 192.0.2.1", "--rate"}, {"rawtrace -z 0.1 192.0.2.1", "--rate"}, {"rawtrace -e 192.0.2.1", "always shown"}, {"rawtrace -M tcp 192.0.2.1", "--tcp"},
		{"rawtrace -P tcp 192.0.2.1", "--tcp"}, {"rawtrace -F 192.0.2.1", "--file"}, {"rawtrace 192.0.2.1 1400", "--size 1400"}, {"rawtrace --back 192.0.2.1", "guess"}, {"rawtrace --localport 33000 192.0.2.1", "--sport"},
		{"rawtrace --report 192.0.2.1", "--watch -c N"}, {"rawtrace -r 192.0.2.1", "-c N"}, {"rawtrace -i 0.5 192.0.2.1", "--interval"}, {"rawtrace -s 1400 192.0.2.1", "--size"}, {"rawtrace -j 192.0.2.1", "--json"}, {"rawtrace -b 192.0.2.1", "--names"},
		{"rawtrace --algo mda 192.0.2.1", "Paris"}, {"rawtrace --max-round-duration 1s 192.0.2.1", "--interval"}, {"rawtrace --geoip-mmdb-file x.mmdb 192.0.2.1", "--city"}, {"rawtrace 192.0.2.0/24", "--file"},
		{"dgperf -b 10M 192.0.2.1", "-r"}, {"dgperf -c 192.0.2.1", "dgperf HOST"}, {"dgperf -s", "dgperf serve"}, {"dgperf -p 5201 192.0.2.1", "HOST:PORT"}, {"dgperf -l 1400 192.0.2.1", "-s"},
		{"dgperf -J 192.0.2.1", "--json"}, {"dgperf --bidir 192.0.2.1", "--both"},
		{"pktview -Y tcp.port==80 -i eth0", "EXPRESSION"}, {"pktview -a duration:3", "--duration"}, {"pktview -z io,stat,1", "--stats"}, {"pktview -T json", "--json"}, {"pktview -V", "-v"},
		{"sockwire -f ls", "sockwire -- COMMAND"}, {"sockwire -e trace=network ls", "--calls"}, {"sockwire ls http://192.0.2.1/", "sockwire -- ls"}, {"sockwire -c -- ls", "--summary"},
		{"sockwire -s 64 -- ls", "--data"}, {"sockwire -y ls", "named"},
		{"rawsend --tcp -p 80 192.0.2.1", "ip{dst=HOST}"}, {"rawsend --pps 100 -r x.pcap", "--rate"}, {"rawsend -S 192.0.2.1", "flags=S"},
		{"dgsend -w 1 192.0.2.1 9", "--wait"}, {"dgsend -z 192.0.2.1 9", "dgsend HOST:PORT"}, {"dgrecv --sh-exec cat 5000", "--exec"},
		{"dgrelay --loss 5% :1 192.0.2.1:2", "loss=5%"},
	} {
		words := strings.Fields(c.line)
		file := program(t, words[0]) // builds the commands, if this is the first test to want one: no part of the time below
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		out, _ := exec.CommandContext(ctx, file, words[1:]...).CombinedOutput() // that it refuses is what is wanted
		if err := ctx.Err(); err != nil {
			t.Errorf("%s: %v", c.line, err)
		}
		cancel()
		if text := string(out); !strings.Contains(text, "hint: ") || !strings.Contains(text, c.hint) {
			t.Errorf("%s: no %q in %q", c.line, c.hint, text)
		}
	}
	for _, line := range []string{"pktview -l -U -Z root --explain tcp", "pktview -nn -l --explain tcp", "dgperf -u --help"} {
		words := strings.Fields(line)
		if out, err := exec.Command(program(t, words[0]), words[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", line, err, out)
		}
	}
}
