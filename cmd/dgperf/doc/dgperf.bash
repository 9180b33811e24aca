# bash completion for dgperf
_dgperf() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--rate|-r|--time|-T|--count|-c|--size|-s|--pattern|--flows|-P|--timeout|-W|--protocol|--settle|--window|--interval|-i|--max-sessions|--max-per-peer|--max-rate|--interface|-I|--ttl|--tos|--ecn|--df|--rcvbuf|--sndbuf|--completion)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	esac
	case $current in
	-*) COMPREPLY=($(compgen -W '--rate -r --time -T --count -c --size -s --pattern --flows -P --down -R --both --requests --timeout -W --mtu --protocol --no-offload --settle --window --histogram --json --interval -i --quiet -q --verbose -v --max-sessions --max-per-peer --max-rate --echo --no-foreign --ipv4 -4 --ipv6 -6 --interface -I --ttl --tos --ecn --df --broadcast --no-loop --rcvbuf --sndbuf --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -W 'serve' -- "$current")) ;;
	esac
}
complete -o filenames -F _dgperf dgperf
