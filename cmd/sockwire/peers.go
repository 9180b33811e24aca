package main

// elsewhere are flags of strace, ltrace and tcpdump, and what they are here.
var elsewhere = map[string]string{
	"f": "threads and the programs that a program starts are always traced: sockwire -- COMMAND", "follow-forks": "threads and programs that are started are always traced", "ff": "it is always done",
	"e": "strace's -e trace=sendto,recvfrom is --calls sendto,recvfrom; only calls about sockets are traced", "trace": "it is --calls NAME,…", "t": "times are always shown, from the start of the program",
	"T": "how long a call took is seen from its two lines; --summary adds it up", "r": "times are always shown", "y": "sockets are always named, with their addresses", "yy": "sockets are always named, with their addresses",
	"decode-fds": "sockets are always named, with their addresses", "x": "data that are no text are shown in hexadecimal", "xx": "data that are no text are shown in hexadecimal", "C": "strace's -C is --summary",
	"string-limit": "it is --data N", "summary-only": "it is --summary", "attach": "it is --pid", "E": "set it before: env NAME=VALUE sockwire -- COMMAND", "u": "run it as that user: sudo -u USER sockwire -- COMMAND",
	"q": "nothing but the timeline is said", "D": "the tracer stays in the foreground", "b": "a program is traced to its end", "i": "packets of every interface are captured",
	"n": "addresses are always numbers", "P": "only calls about sockets are traced", "z": "--calls chooses calls by name", "Z": "--calls chooses calls by name", "k": "the stack is not shown",
	// These mean something else here; it is said where their value does not fit.
	"c": "strace's -c is --summary: sockwire --summary -- COMMAND; here -c N is how many messages a scene sends",
	"s": "strace's -s N is --data N: sockwire --data 64 -- COMMAND; here -s N is the size of a scene's messages",
	"o": "here -o FILE is where the timeline goes, as strace's",
}
