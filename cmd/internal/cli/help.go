package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// helpWidth is the column at which help texts wrap.
const helpWidth = 100

// WriteHelp writes what --help shows.
func (c *Command) WriteHelp(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s\n\nUsage:\n", c.Name, c.Short)
	for _, u := range c.Usage {
		fmt.Fprintf(&b, "  %s\n", strings.TrimSpace(c.Name+" "+u))
	}
	if c.Long != "" {
		fmt.Fprintf(&b, "\n%s\n", wrap(c.Long, helpWidth))
	}
	if len(c.Words) > 0 {
		b.WriteString("\nArguments:\n")
		width := 0
		for _, word := range c.Words {
			width = max(width, len(word.Name))
		}
		for _, word := range c.Words {
			fmt.Fprintf(&b, "  %-*s  %s\n", width, word.Name, word.Short)
		}
	}
	fmt.Fprintf(&b, "\nFlags:\n%s", c.Flags.FlagUsagesWrapped(helpWidth))
	if len(c.Examples) > 0 {
		b.WriteString("\nExamples:\n")
		for _, e := range c.Examples {
			fmt.Fprintf(&b, "  %s\n      %s\n", e.Line, e.Text)
		}
	}
	if c.Privilege != "" {
		fmt.Fprintf(&b, "\nPrivilege:\n%s\n", indent(wrap(c.Privilege, helpWidth-2), "  "))
	}
	fmt.Fprintf(&b, "\nExit status: 0 %s; 1 %s; 2 usage or operation error.\n", exitOKText, c.exitNoText())
	_, err := w.Write(b.Bytes())
	return err
}

const exitOKText = "it worked"

func (c *Command) exitNoText() string {
	if c.ExitStatus != "" {
		return c.ExitStatus
	}
	return "the network said no"
}

// visibleFlags calls f for each flag that is not hidden, in the order of definition.
func (c *Command) visibleFlags(f func(*pflag.Flag)) {
	c.Flags.VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden {
			f(flag)
		}
	})
}

// wrap breaks each line of text at width columns between words. Lines that start with a space stay as they are.
func wrap(text string, width int) string {
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		if strings.HasPrefix(line, " ") {
			b.WriteString(line)
			continue
		}
		column := 0
		for _, word := range strings.Fields(line) {
			if column > 0 && column+1+len(word) > width {
				b.WriteByte('\n')
				column = 0
			}
			if column > 0 {
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += len(word)
		}
	}
	return b.String()
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(text, "\n", "\n"+by)
}
