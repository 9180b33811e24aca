# bash completion for pktview
_pktview() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	case $previous in
	--interface|-i|--read|-r|--write|-w|--count|-c|--duration|--filter-file|-F|--linktype|-y|--from|--to|--packets|--shift|--snaplen|-s|--memory|--direction|-Q|--buffer-size|-B|--rotate-size|-C|--rotate-time|-G|--rotate-count|--keep-files|-W|--rtp|--fields|--format|--top|--color|--completion)
		COMPREPLY=($(compgen -f -- "$current"))
		return
		;;
	esac
	case $current in
	-*) COMPREPLY=($(compgen -W '--interface -i --read -r --list-interfaces -D --write -w --print --count -c --duration --filter-file -F --dump-filter -d --explain --why --linktype -y --from --to --packets --dedup --shift --snaplen -s --memory --no-promiscuous-mode -p --direction -Q --buffer-size -B --immediate-mode --device-time --rotate-size -C --rotate-time -G --rotate-count --keep-files -W --time -t --utc --nano --verbose -v --hex -x --hex-ascii -X --ascii -A --link-layer -e --absolute-tcp-sequence-numbers -S --number -# --dont-verify-checksums -K --rtp --numeric -n --resolve --json --fields --format --stats --info --top --quiet -q --color --help -h --version --man --completion' -- "$current")) ;;
	*) COMPREPLY=($(compgen -f -- "$current")) ;;
	esac
}
complete -o filenames -F _pktview pktview
