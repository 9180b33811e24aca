package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// Shells are those that WriteCompletion knows.
var Shells = []string{"bash", "zsh", "fish"}

// WriteCompletion writes the completion script of one of the Shells.
func (c *Command) WriteCompletion(w io.Writer, shell string) error {
	var b bytes.Buffer
	switch shell {
	case "bash":
		c.bash(&b)
	case "zsh":
		c.zsh(&b)
	case "fish":
		c.fish(&b)
	default:
		return Usagef("no completion for %q; there is bash, zsh and fish", shell)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (c *Command) bash(b *bytes.Buffer) {
	var flags, words []string
	var cases strings.Builder
	c.visibleFlags(func(f *pflag.Flag) {
		flags = append(flags, "--"+f.Name)
		if f.Shorthand != "" {
			flags = append(flags, "-"+f.Shorthand)
		}
		if f.NoOptDefVal != "" {
			return
		}
		names := "--" + f.Name
		if f.Shorthand != "" {
			names += "|-" + f.Shorthand
		}
		reply := ""
		switch values := c.values[f.Name]; {
		case len(values) > 0:
			reply = "compgen -W " + shellQuote(strings.Join(values, " "))
		case isFile(f):
			reply = "compgen -f"
		case isInterface(f):
			reply = `compgen -W "$(command ls /sys/class/net 2>/dev/null)"`
		}
		if reply == "" {
			fmt.Fprintf(&cases, "\t%s)\n\t\tCOMPREPLY=()\n\t\treturn\n\t\t;;\n", names)
		} else {
			fmt.Fprintf(&cases, "\t%s)\n\t\tCOMPREPLY=($(%s -- \"$current\"))\n\t\treturn\n\t\t;;\n", names, reply)
		}
	})
	for _, word := range c.Words {
		words = append(words, word.Name)
	}
	fn := "_" + strings.ReplaceAll(c.Name, "-", "_")
	fmt.Fprintf(b, "# bash completion for %s\n%s() {\n", c.Name, fn)
	b.WriteString("\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n")
	if cases.Len() > 0 {
		fmt.Fprintf(b, "\tcase $previous in\n%s\tesac\n", &cases)
	}
	fmt.Fprintf(b, "\tcase $current in\n\t-*) COMPREPLY=($(compgen -W %s -- \"$current\")) ;;\n", shellQuote(strings.Join(flags, " ")))
	if len(words) > 0 {
		fmt.Fprintf(b, "\t*) COMPREPLY=($(compgen -W %s -- \"$current\")) ;;\n", shellQuote(strings.Join(words, " ")))
	} else {
		b.WriteString("\t*) COMPREPLY=($(compgen -f -- \"$current\")) ;;\n")
	}
	fmt.Fprintf(b, "\tesac\n}\ncomplete -o filenames -F %s %s\n", fn, c.Name)
}

func (c *Command) zsh(b *bytes.Buffer) {
	fmt.Fprintf(b, "#compdef %s\n\n_arguments -s -S \\\n", c.Name)
	c.visibleFlags(func(f *pflag.Flag) {
		value, usage := pflag.UnquoteUsage(f)
		text := "[" + zshText(usage) + "]"
		action := ""
		if f.NoOptDefVal == "" {
			action = ":" + zshText(value) + ":" + c.zshValues(f)
		}
		if f.Shorthand == "" {
			fmt.Fprintf(b, "\t%s \\\n", shellQuote("--"+f.Name+text+action))
			return
		}
		fmt.Fprintf(b, "\t%s{-%s,--%s}%s \\\n", shellQuote("(-"+f.Shorthand+" --"+f.Name+")"), f.Shorthand, f.Name,
			shellQuote(text+action))
	})
	if len(c.Words) == 0 {
		b.WriteString("\t'*:argument:_files'\n")
		return
	}
	var words []string
	for _, word := range c.Words {
		words = append(words, zshText(word.Name)+`\:`+shellQuoteInner(zshText(word.Short)))
	}
	fmt.Fprintf(b, "\t%s\n", shellQuote("*:argument:(("+strings.Join(words, " ")+"))"))
}

// zshValues is what completes the value of a flag.
func (c *Command) zshValues(f *pflag.Flag) string {
	switch values := c.values[f.Name]; {
	case len(values) > 0:
		return "(" + zshText(strings.Join(values, " ")) + ")"
	case isFile(f):
		return "_files"
	case isInterface(f):
		return "_net_interfaces"
	}
	return " "
}

// zshText escapes what _arguments takes for syntax.
func zshText(s string) string {
	return strings.NewReplacer(`\`, `\\`, ":", `\:`, "[", `\[`, "]", `\]`, "(", `\(`, ")", `\)`, "\n", " ").Replace(s)
}

// shellQuoteInner makes blanks part of one word inside zsh's ((…)) list.
func shellQuoteInner(s string) string { return strings.ReplaceAll(s, " ", `\ `) }

func (c *Command) fish(b *bytes.Buffer) {
	fmt.Fprintf(b, "# fish completion for %s\n", c.Name)
	for _, word := range c.Words {
		fmt.Fprintf(b, "complete -c %s -f -n __fish_is_first_arg -a %s -d %s\n", c.Name, fishQuote(word.Name), fishQuote(word.Short))
	}
	c.visibleFlags(func(f *pflag.Flag) {
		_, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(b, "complete -c %s -l %s", c.Name, f.Name)
		if f.Shorthand != "" {
			fmt.Fprintf(b, " -s %s", f.Shorthand)
		}
		if f.NoOptDefVal == "" {
			b.WriteString(c.fishValues(f))
		}
		fmt.Fprintf(b, " -d %s\n", fishQuote(usage))
	})
}

// fishValues is what completes the value of a flag.
func (c *Command) fishValues(f *pflag.Flag) string {
	switch values := c.values[f.Name]; {
	case len(values) > 0:
		return " -x -a " + fishQuote(strings.Join(values, " "))
	case isFile(f):
		return " -r"
	case isInterface(f):
		return " -x -a '(command ls /sys/class/net 2>/dev/null)'"
	}
	return " -x"
}

// isFile tells whether a flag's value is a file, by the word that stands for it.
func isFile(f *pflag.Flag) bool {
	switch flagValue(f) {
	case "FILE", "PATH", "DIR", "DIRECTORY":
		return true
	}
	return false
}

// isInterface tells whether a flag's value is a network interface, by the word that stands for it.
func isInterface(f *pflag.Flag) bool {
	switch flagValue(f) {
	case "INTERFACE", "DEVICE":
		return true
	}
	return false
}

func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", " ").Replace(s) + "'"
}
