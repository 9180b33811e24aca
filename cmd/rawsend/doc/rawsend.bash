# bash completion for rawsend
_rawsend() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--count|-c)
		COMPREPLY=()
		return
		;;
	--duration)
		COMPREPLY=()
		return
		;;
	--rate)
		COMPREPLY=()
		return
		;;
	--interval|-i)
		COMPREPLY=()
		return
		;;
	--burst)
		COMPREPLY=()
		return
		;;
	--engine)
		COMPREPLY=($(compgen -W 'auto raw packet xdp trains' -- "$current"))
		return
		;;
	--interface|-I)
		COMPREPLY=($(compgen -W "$(command ls /sys/class/net 2>/dev/null)" -- "$current"))
		return
		;;
	--seed)
		COMPREPLY=()
		return
		;;
	--allow)
		COMPREPLY=($(compgen -W 'broadcast multicast subnet' -- "$current"))
		return
		;;
	--wait|-W)
		COMPREPLY=()
		return
		;;
	--retry)
		COMPREPLY=()
		return
		;;
	--to-pcap|-w)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--read|-r)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	--memory)
		COMPREPLY=()
		return
		;;
	--edit)
		COMPREPLY=()
		return
		;;
	--speed)
		COMPREPLY=()
		return
		;;
	--loop)
		COMPREPLY=()
		return
		;;
	--completion)
		COMPREPLY=($(compgen -W 'bash zsh fish' -- "$current"))
		return
		;;
	esac
	case $current in
	-*) COMPREPLY=($(compgen -W '--count -c --duration --rate --interval -i --flood --poisson --burst --engine --interface -I --seed --allow --yes --wait -W --retry --stateless --drops --print --to-pcap -w --to-go --describe --read -r --memory --edit --speed --loop --json --quiet -q --verbose -v --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -f -- "$current")) ;;
	esac
}
complete -o filenames -F _rawsend rawsend
