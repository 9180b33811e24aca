# bash completion for dgperf
_dgperf() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--rate|-r)
		COMPREPLY=()
		return
		;;
	--time|-T)
		COMPREPLY=()
		return
		;;
	--count|-c)
		COMPREPLY=()
		return
		;;
	--size|-s)
		COMPREPLY=()
		return
		;;
	--pattern)
		COMPREPLY=($(compgen -W 'constant poisson burst= isochronous=' -- "$current"))
		return
		;;
	--flows|-P)
		COMPREPLY=()
		return
		;;
	--timeout|-W)
		COMPREPLY=()
		return
		;;
	--protocol)
		COMPREPLY=($(compgen -W 'dgperf iperf2' -- "$current"))
		return
		;;
	--settle)
		COMPREPLY=()
		return
		;;
	--window)
		COMPREPLY=()
		return
		;;
	--interval|-i)
		COMPREPLY=()
		return
		;;
	--report)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--compare)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--max-sessions)
		COMPREPLY=()
		return
		;;
	--max-per-peer)
		COMPREPLY=()
		return
		;;
	--max-rate)
		COMPREPLY=()
		return
		;;
	--hop-rate)
		COMPREPLY=()
		return
		;;
	--interface|-I)
		COMPREPLY=($(compgen -W "$(command ls /sys/class/net 2>/dev/null)" -- "$current"))
		return
		;;
	--ttl)
		COMPREPLY=()
		return
		;;
	--tos)
		COMPREPLY=()
		return
		;;
	--ecn)
		COMPREPLY=($(compgen -W 'not ect0 ect1 ce' -- "$current"))
		return
		;;
	--df)
		COMPREPLY=($(compgen -W 'do dont probe' -- "$current"))
		return
		;;
	--rcvbuf)
		COMPREPLY=()
		return
		;;
	--sndbuf)
		COMPREPLY=()
		return
		;;
	--completion)
		COMPREPLY=($(compgen -W 'bash zsh fish' -- "$current"))
		return
		;;
	esac
	case $current in
	-*) COMPREPLY=($(compgen -W '--rate -r --time -T --count -c --size -s --pattern --flows -P --down -R --both --requests --timeout -W --mtu --protocol --drops --no-offload --settle --window --histogram --json --interval -i --watch --report --compare --quiet -q --verbose -v --max-sessions --max-per-peer --max-rate --hop-rate --echo --no-foreign --ipv4 -4 --ipv6 -6 --interface -I --ttl --tos --ecn --df --broadcast --no-loop --rcvbuf --sndbuf --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -W 'serve' -- "$current")) ;;
	esac
}
complete -o filenames -F _dgperf dgperf
