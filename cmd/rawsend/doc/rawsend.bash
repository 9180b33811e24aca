# bash completion for rawsend
_rawsend() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--count|-c|--duration|--rate|--interval|-i|--burst|--engine|--interface|-I|--seed|--allow|--wait|-W|--retry|--to-pcap|-w|--read|-r|--memory|--edit|--speed|--loop|--completion)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	esac
	case $current in
	-*) COMPREPLY=($(compgen -W '--count -c --duration --rate --interval -i --flood --poisson --burst --engine --interface -I --seed --allow --yes --wait -W --retry --stateless --print --to-pcap -w --to-go --describe --read -r --memory --edit --speed --loop --json --quiet -q --verbose -v --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -f -- "$current")) ;;
	esac
}
complete -o filenames -F _rawsend rawsend
