package main

import (
	"context"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"strings"

	"sockwire/cmd/internal/cli"
	"sockwire/raw/packet"
)

// toGo prints a program that builds the packets and prints each as a line of hex digits.
func toGo(ctx context.Context, env *cli.Env, o *options) error {
	if err := env.DropPrivilege(); err != nil {
		return err
	}
	t := o.template
	var layers []packet.Layer // of the first packet, with what the system fills in
	for p, err := range o.plan.Packets(ctx, o.pace(), func(err error) { env.Warnf("source addresses are left out: %v", err) }) {
		if err != nil {
			return err
		}
		layers = p.Layers
		break
	}
	body := ""
	if total := max(o.count, t.Count()); total == 1 && !t.Fragments() {
		body = "b, err := packet.Append(nil,\n" + packet.GoCode(layers) + ")\nif err != nil { panic(err) }\nfmt.Printf(\"%x\\n\", b)"
	} else {
		body = goOfTemplate(o, layers)
	}
	source, err := goProgram(body)
	if err != nil {
		return err
	}
	env.Stdout.Write(source)
	return nil
}

// goOfTemplate returns the body of a program that parses the expression and builds all its packets.
func goOfTemplate(o *options, layers []packet.Layer) string {
	total := o.count
	if total == 0 {
		total = o.template.Count()
	}
	parse := fmt.Sprintf("packet.Parse(%q)", o.spec)
	if _, err := packet.Parse(o.spec); err != nil { // it names files or hosts
		parse = fmt.Sprintf(`(&packet.Parser{
	ReadFile: os.ReadFile,
	Lookup: func(host string, family int) (netip.Addr, error) {
		addrs, err := net.DefaultResolver.LookupNetIP(context.Background(), fmt.Sprintf("ip%%d", family), host)
		if err != nil { return netip.Addr{}, err }
		return addrs[0].Unmap(), nil
	},
}).Parse(%q)`, o.spec)
	}
	return fmt.Sprintf(`t, err := %s
if err != nil { panic(err) }
t.SetSeed(%d)
%svar b []byte
var ends []int
for n := range uint64(%d) {
	if b, ends, err = t.Append(b[:0], ends[:0], n); err != nil { panic(err) }
	from := 0
	for _, to := range ends {
		fmt.Printf("%%x\n", b[from:to])
		from = to
	}
}`, parse, o.seed, goOfFilled(o.template, layers), total)
}

// goOfFilled returns the statements that set what the system filled in.
func goOfFilled(t *packet.Template, layers []packet.Layer) string {
	var s strings.Builder
	set := func(i int, field, value string) {
		if s.Len() == 0 {
			s.WriteString("layers := t.Layers(0) // what is set here stays\n")
		}
		fmt.Fprintf(&s, "layers[%d].(%T).%s = %s\n", i, layers[i], field, value)
	}
	for i, l := range layers {
		switch l := l.(type) {
		case *packet.Ethernet:
			if !t.Given(i, "src") && l.Src != (packet.MAC{}) {
				set(i, "Src", fmt.Sprintf("%#v", l.Src))
			}
		case *packet.IPv4:
			if !t.Given(i, "src") && l.Src.IsValid() {
				set(i, "Src", fmt.Sprintf("netip.MustParseAddr(%q)", l.Src))
			}
		case *packet.IPv6:
			if !t.Given(i, "src") && l.Src.IsValid() {
				set(i, "Src", fmt.Sprintf("netip.MustParseAddr(%q)", l.Src))
			}
		case *packet.ARP:
			if !t.Given(i, "spa") && l.SenderIP.IsValid() {
				set(i, "SenderIP", fmt.Sprintf("netip.MustParseAddr(%q)", l.SenderIP))
			}
			if !t.Given(i, "sha") && l.SenderMAC != (packet.MAC{}) {
				set(i, "SenderMAC", fmt.Sprintf("%#v", l.SenderMAC))
			}
		}
	}
	return s.String()
}

// goProgram returns the program whose main function has the body, importing what it uses.
func goProgram(body string) ([]byte, error) {
	main := "func main() {\n" + body + "\n}\n"
	file, err := parser.ParseFile(token.NewFileSet(), "", "package main\n"+main, 0)
	if err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	used := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool { // in the text alone, payloads could look like packages
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				used[x.Name] = true
			}
		}
		return true
	})
	imports := ""
	for _, path := range []string{"context", "fmt", "net", "net/netip", "os"} {
		if used[path[strings.LastIndex(path, "/")+1:]] {
			imports += fmt.Sprintf("%q\n", path)
		}
	}
	source, err := format.Source([]byte("package main\n\nimport (\n" + imports + "\n\"sockwire/raw/packet\"\n)\n\n" + main))
	if err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	return source, nil
}
