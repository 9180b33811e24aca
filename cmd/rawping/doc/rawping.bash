# bash completion for rawping
_rawping() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--count|-c|--interval|-i|--deadline|-w|--timeout|-W|--late|--size|-s|--ttl|-t|--tos|-Q|--from|-I|--send-buffer|-S|--read-buffer|--preload|-l|--pattern|-p|--pmtudisc|-M|--mark|-m|--timestamp-option|-T|--flow-label|-F|--probe|--socket|--stamps|--file|--generate|-g|--shard|--seed|--retries|-r|--backoff|-B|--rate|--metrics|--color|--completion)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	esac
	case $current in
	-*) COMPREPLY=($(compgen -W '--count -c --interval -i --deadline -w --timeout -W --late --size -s --ttl -t --tos -Q --from -I --send-buffer -S --read-buffer --ipv4 -4 --ipv6 -6 --numeric -n --quiet -q --timestamp -D --audible -a --adaptive -A --flood -f --preload -l --pattern -p --pmtudisc -M --mark -m --overdue -O --user-time -U --broadcast -b --no-loop -L --record-route -R --timestamp-option -T --flow-label -F --verbose -v --icmp-timestamp --probe --socket --stamps --many --file --generate -g --shard --seed --loop --retries -r --backoff -B --rate --alive --unreachable --live --json --csv --histogram --metrics --color --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -f -- "$current")) ;;
	esac
}
complete -o filenames -F _rawping rawping
