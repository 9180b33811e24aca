# bash completion for dgsend
_dgsend() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--hex)
		COMPREPLY=()
		return
		;;
	--file|-f)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--record)
		COMPREPLY=()
		return
		;;
	--count|-c)
		COMPREPLY=()
		return
		;;
	--interval|-i)
		COMPREPLY=()
		return
		;;
	--from)
		COMPREPLY=()
		return
		;;
	--fd)
		COMPREPLY=()
		return
		;;
	--reply|-r)
		COMPREPLY=()
		return
		;;
	--wait|-W)
		COMPREPLY=()
		return
		;;
	--tries)
		COMPREPLY=()
		return
		;;
	--backoff)
		COMPREPLY=()
		return
		;;
	--print|-p)
		COMPREPLY=($(compgen -W 'text hex raw json none' -- "$current"))
		return
		;;
	--pcap)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--memory)
		COMPREPLY=()
		return
		;;
	--conversation)
		COMPREPLY=()
		return
		;;
	--speed)
		COMPREPLY=()
		return
		;;
	--interface|-I)
		COMPREPLY=($(compgen -W "$(command ls /sys/class/net 2>/dev/null)" -- "$current"))
		return
		;;
	--ttl|-t)
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
	-*) COMPREPLY=($(compgen -W '--hex --file -f --line -l --record --count -c --interval -i --from --unconnected -u --fd --reply -r --wait -W --tries --backoff --print -p --json --quiet -q --verbose -v --pcap --memory --conversation --speed --new-ids --exact --ipv4 -4 --ipv6 -6 --interface -I --ttl -t --tos --ecn --df --broadcast -b --no-loop --rcvbuf --sndbuf --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -f -- "$current")) ;;
	esac
}
complete -o filenames -F _dgsend dgsend
