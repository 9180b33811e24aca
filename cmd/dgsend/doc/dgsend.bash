# bash completion for dgsend
_dgsend() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--hex|--file|-f|--record|--count|-c|--interval|-i|--from|--fd|--reply|-r|--wait|-W|--tries|--backoff|--print|-p|--pcap|--memory|--conversation|--speed|--interface|-I|--ttl|-t|--tos|--ecn|--df|--rcvbuf|--sndbuf|--completion)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	esac
	case $current in
	-*) COMPREPLY=($(compgen -W '--hex --file -f --line -l --record --count -c --interval -i --from --unconnected -u --fd --reply -r --wait -W --tries --backoff --print -p --json --quiet -q --verbose -v --pcap --memory --conversation --speed --new-ids --exact --ipv4 -4 --ipv6 -6 --interface -I --ttl -t --tos --ecn --df --broadcast -b --no-loop --rcvbuf --sndbuf --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -f -- "$current")) ;;
	esac
}
complete -o filenames -F _dgsend dgsend
