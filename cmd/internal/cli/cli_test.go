package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"sockwire/capture/golden"
	"sockwire/cmd/internal/cli"
	"sockwire/cmd/internal/cli/clitest"
)

// demo is a command with one of everything, whose body returns err.
func demo(err error) cli.RunFunc {
	return func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
		c := cli.New("demo", "show one of everything")
		c.Usage = []string{"[flags] HOST...", "list"}
		c.Long = "First paragraph.\n\n    demo | verbatim\n\n.starts like a macro"
		c.Words = []cli.Word{{Name: "list", Short: "list: it's (all) [of] them"}}
		c.Examples = []cli.Example{{Line: "demo 192.0.2.1", Text: "Ask it."}}
		c.Privilege = "None."
		c.Color = true
		var count int
		var wait time.Duration
		c.Flags.IntVarP(&count, "count", "c", 1, "stop after `N`")
		cli.DurationVar(c.Flags, &wait, "wait", "W", time.Second, "wait `TIME` for an answer")
		c.Flags.Bool("quiet", false, "say: less [or 'nothing']")
		return c.Execute(ctx, args, stdin, stdout, stderr, func(ctx context.Context, env *cli.Env, args []string) error {
			for _, a := range args {
				if a == "lits" {
					return c.UnknownWord("scene", a)
				}
			}
			env.Stdout.JSON(struct {
				Type  string `json:"type"`
				Count int    `json:"count"`
				Wait  int64  `json:"wait_ns"`
			}{"demo", count, wait.Nanoseconds()})
			return err
		})
	}
}

// mains are the commands that a test may start this binary as; files for one system add theirs.
var mains = map[string]cli.RunFunc{"demo": demo(nil)}

// TestMain lets a test start this binary as one of the mains.
func TestMain(m *testing.M) {
	if run := mains[os.Getenv("CLI_TEST_MAIN")]; run != nil {
		cli.Main(run)
	}
	os.Exit(m.Run())
}

func TestExecute(t *testing.T) {
	for _, tt := range []struct {
		name, args     string
		err            error
		code           int
		stdout, stderr string // each must hold this
	}{
		{"works", "-c 3 -W 0.5", nil, 0, `{"type":"demo","count":3,"wait_ns":500000000}`, ""},
		{"help", "--help", nil, 0, "--count N", ""},
		{"short help", "-h", nil, 0, "Usage:\n  demo [flags] HOST...\n  demo list\n", ""},
		{"version", "--version", nil, 0, "demo ", ""},
		{"no", "", cli.ErrNo, 1, "demo", ""},
		{"no with text", "", fmt.Errorf("192.0.2.1: nobody answered: %w", cli.ErrNo), 1, "", "demo: 192.0.2.1: nobody answered\n"},
		{"misspelt flag", "--cuont 3", nil, 2, "", "demo: unknown flag --cuont\ndemo: hint: did you mean --count?\n"},
		{"misspelt short flag", "-z", nil, 2, "", "demo: unknown flag -z in -z\ndemo: hint: see demo --help\n"},
		{"flag value", "-c x", nil, 2, "", `invalid argument "x" for "-c, --count" flag`},
		{"duration value", "-W -3s", nil, 2, "", `"-3s" is negative`},
		{"misspelt word", "lits", nil, 2, "", "demo: unknown scene \"lits\"\ndemo: hint: did you mean list? scenes are: list\n"},
		{"hint", "", cli.WithHint(errors.New("a\x1b[31m"), "do %s", "b"), 2, "", "demo: a\\x1b[31m\ndemo: hint: do b\n"},
		{"long hint", "", cli.WithHint(errors.New("column 3"), "a bc\n  ^~"), 2, "", "demo: column 3\ndemo: hint: a bc\ndemo:         ^~\n"},
		{"file", "", &fs.PathError{Op: "open", Path: "x", Err: os.ErrPermission}, 2, "", "demo: open x: permission denied\n"},
		{"permission", "", &os.SyscallError{Syscall: "socket", Err: os.ErrPermission}, 2, "", "sudo setcap cap_net_raw+ep "},
		{"usage", "", cli.Usagef("no host"), 2, "", "demo: no host\ndemo: hint: see demo --help\n"},
		{"color", "--color=blue", nil, 2, "", `--color is auto, always or never, not "blue"`},
		{"unknown shell", "--completion=csh", nil, 2, "", "bash, zsh and fish"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := clitest.Run(t, demo(tt.err), "", strings.Fields(tt.args)...)
			if code != tt.code {
				t.Errorf("exit status %d, want %d", code, tt.code)
			}
			if !strings.Contains(stdout, tt.stdout) {
				t.Errorf("stdout %q lacks %q", stdout, tt.stdout)
			}
			if !strings.Contains(stderr, tt.stderr) || tt.stderr == "" && stderr != "" {
				t.Errorf("stderr %q lacks %q", stderr, tt.stderr)
			}
		})
	}
}

func TestGenerated(t *testing.T) { clitest.Generated(t, "demo", demo(nil)) }

// TestCompletionsParse lets each shell that is installed read its script.
func TestCompletionsParse(t *testing.T) {
	for _, shell := range cli.Shells {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				if os.Getenv("REQUIRE_PEERS") != "" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			script, _, _ := clitest.Run(t, demo(nil), "", "--completion="+shell)
			cmd := exec.Command(path, "-n")
			cmd.Stdin = strings.NewReader(script)
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s -n: %v\n%s\n%s", shell, err, out, script)
			}
		})
	}
}

// failingWriter fails from the first byte, as a pipe does whose reader has gone.
type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestOutputErrorIsReported(t *testing.T) {
	var stderr bytes.Buffer
	code := demo(nil)(context.Background(), nil, strings.NewReader(""), failingWriter{errors.New("disk full")}, &stderr)
	if code != cli.ExitError || stderr.String() != "demo: standard output: disk full\n" {
		t.Errorf("exit status %d, stderr %q", code, &stderr)
	}
}

// TestClosedPipe runs a real process whose standard output nobody reads.
func TestClosedPipe(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	var stderr bytes.Buffer
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "CLI_TEST_MAIN=demo")
	cmd.Stdout, cmd.Stderr = w, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != cli.ExitError {
		t.Fatalf("%v, stderr %q", err, &stderr)
	}
	if !strings.Contains(stderr.String(), "demo: standard output was closed") {
		t.Errorf("stderr %q", &stderr)
	}
}

func TestHelpText(t *testing.T) {
	run := func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
		c := cli.New("demo", "show help")
		c.Long = "One paragraph in\ntwo lines.\n\nAnother:\n\n  kept   as it is\n  and this\nand on."
		c.Flags.Bool("yes", false, "a `value` that is none")
		c.Flags.CountP("verbose", "v", "say more")
		c.Flags.Duration("wait", 0, "wait for `TIME`")
		c.Flags.Int("count", 3, "a text that is so long that it cannot stand on one line of the help and goes on, `N` words on another")
		c.Flags.String("a-name-that-is-longer-than-the-column", "", "has its `TEXT` below")
		return c.Execute(ctx, args, stdin, stdout, stderr, nil)
	}
	stdout, _, code := clitest.Run(t, run, "", "--help")
	if code != 0 {
		t.Errorf("exit status %d", code)
	}
	golden.Check(t, "testdata/help.txt", stdout)
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain text":              "plain text",
		"tab\tline\nreturn\r":     `tab\tline\nreturn\r`,
		"\x1b]0;title\x07":        `\x1b]0;title\x07`,
		`back\slash`:              `back\\slash`,
		"c1 \u009b31m":            `c1 \u{9b}31m`,
		"bidi \u202egnp.exe":      `bidi \u{202e}gnp.exe`,
		"invalid \xff\xfe":        `invalid \xff\xfe`,
		"delete \x7f":             `delete \x7f`,
		"Grüße, 世界":               "Grüße, 世界",
		"separator \u2028 \ufeff": `separator \u{2028} \u{feff}`,
	} {
		if got := cli.Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("a\x1b[31mb\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := cli.Escape(s)
		if !utf8.ValidString(got) {
			t.Fatalf("Escape(%q) = %q is not UTF-8", s, got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Fatalf("Escape(%q) = %q holds %U", s, got, r)
			}
		}
		if again := string(cli.AppendEscaped(nil, []byte(s))); again != got && s != got {
			t.Fatalf("bytes give %q, string %q", again, got)
		}
	})
}

// hostile are characters that do something to a terminal, or to its reader, or show nothing.
const hostile = "\x00\x07\x1b[31m\x7f\u0080\u009b31m\u00a0\u00ad\u061c\u115f\u180e\u200b\u200d\u200e\u202a\u202e\u2028\u2029\u2066\u2069\u2800\u3164\ufe0f\ufeff\ufff9\U000e0041\U000e0101"

// TestJSONEscapes: JSON holds no character that acts on a terminal, and still says the same.
func TestJSONEscapes(t *testing.T) {
	type record struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	for _, text := range []string{hostile, "Grüße, 世界 😀", `"\`, "plain"} {
		var b bytes.Buffer
		out := cli.NewOutput(&b)
		out.JSON(record{"demo", text})
		out.Flush()
		if strings.IndexFunc(strings.TrimSuffix(b.String(), "\n"), func(r rune) bool { return !cli.Shown(r) }) >= 0 {
			t.Errorf("%+q is written as %+q", text, b.String())
		}
		var again record
		if err := json.Unmarshal(b.Bytes(), &again); err != nil || again.Text != text {
			t.Errorf("%+q is read back as %+q, %v", text, again.Text, err)
		}
		if !strings.ContainsAny(text, hostile) && !strings.Contains(b.String(), text) && text != `"\` {
			t.Errorf("%q is written as %q", text, b.String())
		}
	}
}

func TestAppendCSV(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "a,b": `"a,b"`, `say "x"`: `"say ""x"""`, "": "",
		"=HYPERLINK(1)": "'=HYPERLINK(1)", "+1": "'+1", "-1+2": "'-1+2", "@SUM(1,2)": `"'@SUM(1,2)"`, "|cmd": "'|cmd",
		"\t=1": `\t=1`, "\r\n=1": `\r\n=1`, "\u202e=1": `\u{202e}=1`, "a\u009bb": `a\u{9b}b`,
	} {
		if got := string(cli.AppendCSV(nil, in)); got != want {
			t.Errorf("%q is written as %q, want %q", in, got, want)
		}
	}
	for _, r := range hostile {
		if got := cli.Escape(string(r)); strings.IndexFunc(got, func(r rune) bool { return !cli.Shown(r) }) >= 0 {
			t.Errorf("%U is written as %+q", r, got)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"stream", "datagram", "raw", "unix", "limits", "errors", "file"}
	for in, want := range map[string]string{
		"steam": "stream", "datagarm": "datagram", "rwa": "raw", "unxi": "unix", "data": "datagram", "zzz": "", "": "",
	} {
		if got := cli.Nearest(in, words); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestParseRate(t *testing.T) {
	for in, want := range map[string]cli.Rate{
		"1000":     {Packets: 1000},
		"50kpps":   {Packets: 50e3},
		"2.5Mpps":  {Packets: 2.5e6},
		"10/s":     {Packets: 10},
		"10k/s":    {Packets: 10e3},
		"10Mbps":   {Bits: 10e6},
		"1Gbit/s":  {Bits: 1e9},
		"100kbit":  {Bits: 100e3},
		"0.5pps":   {Packets: 0.5},
		"1000 pps": {Packets: 1000},
	} {
		got, err := cli.ParseRate(in)
		if err != nil || got != want {
			t.Errorf("ParseRate(%q) = %+v, %v; want %+v", in, got, err, want)
		}
		if again, err := cli.ParseRate(got.String()); err != nil || again != got {
			t.Errorf("%q prints as %q, which reads as %+v, %v", in, got.String(), again, err)
		}
	}
	for _, in := range []string{"", "0", "-1", "NaN", "Infpps", "fast", "10Xpps", "1e13", "pps", "10 M bps", "10M", "50k", "1G", "2.5M"} {
		if got, err := cli.ParseRate(in); err == nil {
			t.Errorf("ParseRate(%q) = %+v, want an error", in, got)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"10ms": 10 * time.Millisecond, "0.2": 200 * time.Millisecond, "1": time.Second, "1m30s": 90 * time.Second, "0": 0,
	} {
		if got, err := cli.ParseDuration(in); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "-1", "-1s", "NaN", "Inf", "1e300", "1 s", "soon"} {
		if got, err := cli.ParseDuration(in); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", in, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "1400": 1400, "64KiB": 65536, "64Ki": 65536, "10MB": 10e6, "1k": 1000, "2G": 2e9, "12B": 12,
	} {
		if got, err := cli.ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "-1", "1.5k", "9223372036854775807k", "k", "big"} {
		if got, err := cli.ParseSize(in); err == nil {
			t.Errorf("ParseSize(%q) = %v, want an error", in, got)
		}
	}
}

// TestColor checks that a pipe gets no colour unless it was asked for.
func TestColor(t *testing.T) {
	for _, tt := range []struct {
		flag string
		want bool
	}{{"auto", false}, {"never", false}, {"always", true}} {
		var got bool
		run := func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
			c := cli.New("demo", "show colour")
			c.Color = true
			return c.Execute(ctx, args, stdin, stdout, stderr, func(_ context.Context, env *cli.Env, _ []string) error {
				got = env.Color
				return nil
			})
		}
		if _, stderr, code := clitest.Run(t, run, "", "--color="+tt.flag); code != 0 {
			t.Fatalf("exit status %d: %s", code, stderr)
		}
		if got != tt.want {
			t.Errorf("--color=%s into a buffer: colour %v, want %v", tt.flag, got, tt.want)
		}
	}
}

func ExampleCommand_Execute() {
	run := func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
		c := cli.New("greet", "greet a host")
		c.Usage = []string{"[flags] HOST"}
		loud := c.Flags.BoolP("loud", "l", false, "greet loudly")
		return c.Execute(ctx, args, stdin, stdout, stderr, func(_ context.Context, env *cli.Env, args []string) error {
			if len(args) != 1 {
				return cli.Usagef("one host, not %d", len(args))
			}
			end := "."
			if *loud {
				end = "!"
			}
			env.Stdout.Printf("hello, %s%s\n", cli.Escape(args[0]), end)
			return nil
		})
	}
	run(context.Background(), []string{"-l", "192.0.2.1"}, os.Stdin, os.Stdout, os.Stdout)
	fmt.Println(run(context.Background(), []string{"--luod", "x"}, os.Stdin, os.Stdout, os.Stdout))
	// Output:
	// hello, 192.0.2.1!
	// greet: unknown flag --luod
	// greet: hint: did you mean --loud?
	// 2
}

var _ pflag.Value = (*cli.Rate)(nil)

func TestParseAddr(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "127.1": "127.0.0.1", "127.0.1": "127.0.0.1", "10.256": "10.0.1.0", "10.1.65535": "10.1.255.255",
		"127.16777215": "127.255.255.255", "0.0": "0.0.0.0", "2001:db8::1": "2001:db8::1", "fe80::1%eth0": "fe80::1%eth0",
		"1": "", "": "", "127.": "", ".1": "", "127.01": "", "127.+1": "", "127.-1": "", "256.1": "", "127.16777216": "", "127.1.65536": "",
		"1.2.3.4.5": "", "192.0.2.256": "", "host.example": "", "127.0x1": "",
	} {
		a, err := cli.ParseAddr(in)
		if got := a.String(); (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q is %v, %v; want %q", in, a, err, want)
		}
	}
}

// TestCompletesValues lets bash complete the values of flags: one of few words, a file, or nothing.
func TestCompletesValues(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	run := func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
		c := cli.New("demo", "show completions")
		c.Flags.String("print", "", "as `FORMAT`")
		c.Values("print", "text", "hex", "raw")
		c.Flags.StringP("write", "w", "", "to `FILE`")
		c.Flags.Int("count", 0, "`N` times")
		return c.Execute(ctx, args, stdin, stdout, stderr, nil)
	}
	script, _, _ := clitest.Run(t, run, "", "--completion=bash")
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/some.pcap", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for words, want := range map[string]string{
		"demo --print ": "text hex raw", "demo --print h": "hex", "demo -w so": "some.pcap", "demo --count ": "", "demo --pr": "--print", "demo --completion z": "zsh",
	} {
		cmd := exec.Command(bash, "-c", script+"\nCOMP_WORDS=("+words[:strings.LastIndex(words, " ")]+" '"+words[strings.LastIndex(words, " ")+1:]+
			"')\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_demo\necho \"${COMPREPLY[*]}\"")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%q is completed to %q, %v; want %q", words, got, err, want)
		}
	}
}

func TestPercent(t *testing.T) {
	for part, want := range map[float64]string{0: "0%", 1: "100%", 0.5: "50%", 1.0 / 3: "33.3%", 1e-6: "<0.1%", 1 - 1e-6: ">99.9%"} {
		if got := cli.Percent(part); got != want {
			t.Errorf("%v: %s, want %s", part, got, want)
		}
	}
}

// TestEmptyNames: a file or an interface without a name is refused; other words may be empty.
func TestEmptyNames(t *testing.T) {
	c := func(args ...string) (string, int) {
		c := cli.New("demo", "show flags")
		c.Flags.StringP("write", "w", "", "write to `FILE`")
		c.Flags.StringArray("read", nil, "read `FILE`")
		c.Flags.StringSlice("interface", nil, "the `INTERFACE`")
		c.Flags.String("text", "", "send `TEXT`")
		var out, diagnostics strings.Builder
		code := c.Execute(t.Context(), args, strings.NewReader(""), &out, &diagnostics, func(context.Context, *cli.Env, []string) error { return nil })
		return diagnostics.String(), code
	}
	for _, args := range [][]string{{"--write="}, {"-w", ""}, {"--read", "x", "--read", ""}, {"--interface", ""}} {
		if text, code := c(args...); code != cli.ExitError || !strings.Contains(text, "has an empty value") {
			t.Errorf("%q: exit %d: %s", args, code, text)
		}
	}
	for _, args := range [][]string{{}, {"--text="}, {"--write", "x", "--read", "y", "--interface", "lo,eth0"}} {
		if text, code := c(args...); code != 0 {
			t.Errorf("%q: exit %d: %s", args, code, text)
		}
	}
}
