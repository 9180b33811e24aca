# bash completion for dgrecv
_dgrecv() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--count|-c)
		COMPREPLY=()
		return
		;;
	--idle)
		COMPREPLY=()
		return
		;;
	--duration)
		COMPREPLY=()
		return
		;;
	--size|-s)
		COMPREPLY=()
		return
		;;
	--print|-p)
		COMPREPLY=($(compgen -W 'text hex raw json none' -- "$current"))
		return
		;;
	--join|-j)
		COMPREPLY=()
		return
		;;
	--reply|-r)
		COMPREPLY=()
		return
		;;
	--exec|-x)
		COMPREPLY=()
		return
		;;
	--exec-timeout)
		COMPREPLY=()
		return
		;;
	--write|-w)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--save)
		COMPREPLY=($(compgen -f -- "$current"))
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
	-*) COMPREPLY=($(compgen -W '--count -c --idle --duration --size -s --print -p --json --payload -P --quiet -q --verbose -v --join -j --reuse --credentials --unlink --echo -e --reply -r --exec -x --exec-timeout --answer-services --write -w --save --ipv4 -4 --ipv6 -6 --interface -I --ttl -t --tos --ecn --df --broadcast -b --no-loop --rcvbuf --sndbuf --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -f -- "$current")) ;;
	esac
}
complete -o filenames -F _dgrecv dgrecv
