package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// WriteMan writes the manual page in man(7) macros.
func (c *Command) WriteMan(w io.Writer) error {
	if err := c.contradiction(); err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH %s 1 \"\" sockwire \"User Commands\"\n", strings.ToUpper(c.Name))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", roff(c.Name), roff(c.Short))
	for i, u := range c.Usage {
		if i > 0 {
			b.WriteString(".br\n")
		}
		fmt.Fprintf(&b, ".B %s\n%s\n", roff(c.Name), roff(u))
	}
	if c.Long != "" {
		b.WriteString(".SH DESCRIPTION\n")
		writeManText(&b, c.Long)
	}
	if len(c.Words) > 0 {
		b.WriteString(".SH ARGUMENTS\n")
		for _, word := range c.Words {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(word.Name), roff(word.Short))
		}
	}
	for _, t := range c.Topics {
		fmt.Fprintf(&b, ".SH %s\n", roff(strings.ToUpper(t.Name)))
		writeManText(&b, t.Text)
	}
	b.WriteString(".SH OPTIONS\n")
	c.visibleFlags(func(f *pflag.Flag) { writeManFlag(&b, f) })
	fmt.Fprintf(&b, ".SH EXIT STATUS\n.TP\n.B 0\n%s.\n.TP\n.B 1\n%s.\n.TP\n.B 2\nUsage or operation error.\n",
		roff(exitOKText), roff(c.exitNoText()))
	if c.Privilege != "" {
		fmt.Fprintf(&b, ".SH PRIVILEGE\n%s\n", roff(c.Privilege))
	}
	if len(c.Examples) > 0 {
		b.WriteString(".SH EXAMPLES\n")
		for _, e := range c.Examples {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(e.Line), roff(e.Text))
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// contradiction is what is wrong with what the command says of its own flags.
func (c *Command) contradiction() error {
	for name := range c.values {
		if c.Flags.Lookup(name) == nil {
			return fmt.Errorf("%s is no flag, and has values", name)
		}
	}
	var err error
	c.visibleFlags(func(f *pflag.Flag) {
		value := flagValue(f)
		if value != "" && (value[0] < 'A' || value[0] > 'Z') {
			err = fmt.Errorf("--%s %s: a word in capitals is to stand for the value", f.Name, value)
		}
	})
	return err
}

// writeManText writes paragraphs; lines that start with a space are shown as they are.
func writeManText(b *bytes.Buffer, text string) {
	verbatim := false
	for _, line := range strings.Split(text, "\n") {
		if v := strings.HasPrefix(line, " "); v != verbatim {
			verbatim = v
			if v {
				b.WriteString(".nf\n")
			} else {
				b.WriteString(".fi\n")
			}
		}
		if line == "" {
			b.WriteString(".PP\n")
			continue
		}
		fmt.Fprintf(b, "%s\n", roff(line))
	}
	if verbatim {
		b.WriteString(".fi\n")
	}
}

func writeManFlag(b *bytes.Buffer, f *pflag.Flag) {
	_, usage := pflag.UnquoteUsage(f)
	value := flagValue(f)
	b.WriteString(".TP\n\\fB")
	if f.Shorthand != "" {
		fmt.Fprintf(b, "\\-%s\\fR, \\fB", f.Shorthand)
	}
	fmt.Fprintf(b, "\\-\\-%s\\fR", roff(f.Name))
	if value != "" {
		fmt.Fprintf(b, " \\fI%s\\fR", roff(value))
	}
	fmt.Fprintf(b, "\n%s", roff(usage))
	if hasDefault(f) {
		fmt.Fprintf(b, " (default %s)", roff(f.DefValue))
	}
	b.WriteString("\n")
}

// roff escapes text for man(7).
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
