# bash completion for rawtrace
_rawtrace() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--port|-p)
		COMPREPLY=()
		return
		;;
	--first|-f)
		COMPREPLY=()
		return
		;;
	--max-hops|-m)
		COMPREPLY=()
		return
		;;
	--probes|-q)
		COMPREPLY=()
		return
		;;
	--wait|-w)
		COMPREPLY=()
		return
		;;
	--rate)
		COMPREPLY=()
		return
		;;
	--size)
		COMPREPLY=()
		return
		;;
	--tos|-t)
		COMPREPLY=()
		return
		;;
	--dscp)
		COMPREPLY=()
		return
		;;
	--flow-label|-l)
		COMPREPLY=()
		return
		;;
	--source|-s)
		COMPREPLY=()
		return
		;;
	--device|-i)
		COMPREPLY=($(compgen -W "$(command ls /sys/class/net 2>/dev/null)" -- "$current"))
		return
		;;
	--file)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--sport)
		COMPREPLY=()
		return
		;;
	--probe-interface)
		COMPREPLY=()
		return
		;;
	--confidence)
		COMPREPLY=()
		return
		;;
	--count|-c)
		COMPREPLY=()
		return
		;;
	--interval)
		COMPREPLY=()
		return
		;;
	--asn)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--city)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--metrics)
		COMPREPLY=()
		return
		;;
	--color)
		COMPREPLY=($(compgen -W 'auto always never' -- "$current"))
		return
		;;
	--completion)
		COMPREPLY=($(compgen -W 'bash zsh fish' -- "$current"))
		return
		;;
	esac
	case $current in
	-*) COMPREPLY=($(compgen -W '--udp -U --icmp -I --tcp -T --dccp -D --sctp --port -p --first -f --max-hops -m --probes -q --wait -w --rate --size --tos -t --dscp --flow-label -l --source -s --device -i --ipv4 -4 --ipv6 -6 --file --unprivileged --mtu --paths --no-measure --dot --sport --far --probe-interface --watch --decide --confidence --count -c --interval --names --numeric -n --asn --city --verbose -v --summary --json --metrics --color --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -f -- "$current")) ;;
	esac
}
complete -o filenames -F _rawtrace rawtrace
