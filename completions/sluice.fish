# SPDX-License-Identifier: BSD-2-Clause
# fish completion for sluice(8)

function __sluice_addresses
    command sluice $argv[1] --json 2>/dev/null | string match -rg "^ *\"$argv[2]\": \"([0-9a-fA-F:./]*)\""
end

complete -c sluice -f
complete -c sluice -l json -d 'answer in JSON'
complete -c sluice -l control -r -F -d 'control socket of the agent'
complete -c sluice -s h -l help -d 'say what the command does'

complete -c sluice -n __fish_use_subcommand -a status -d 'the agent and the datapath at a glance'
complete -c sluice -n __fish_use_subcommand -a top -d 'watch rates, sources and reasons live'
complete -c sluice -n __fish_use_subcommand -a sources -d 'tracked sources, the largest first'
complete -c sluice -n __fish_use_subcommand -a explain -d 'what would happen to a packet from there now, and why'
complete -c sluice -n __fish_use_subcommand -a events -d 'who was limited, flagged, banned, and when'
complete -c sluice -n __fish_use_subcommand -a metrics -d 'all counters, as Prometheus reads them'
complete -c sluice -n __fish_use_subcommand -a ban -d 'drop a source or prefix for a while'
complete -c sluice -n __fish_use_subcommand -a unban -d 'end a ban'
complete -c sluice -n __fish_use_subcommand -a bans -d 'bans in force'
complete -c sluice -n __fish_use_subcommand -a allow -d 'let a source or prefix pass, whatever it sends'
complete -c sluice -n __fish_use_subcommand -a disallow -d 'end an allow'
complete -c sluice -n __fish_use_subcommand -a allows -d 'allows in force'
complete -c sluice -n __fish_use_subcommand -a import -d 'ban everything a file lists'
complete -c sluice -n __fish_use_subcommand -a cache -d 'purge, count and show what is stored'
complete -c sluice -n __fish_use_subcommand -a log -d 'write the access log to its file anew'
complete -c sluice -n __fish_use_subcommand -a policy -d 'load, check or compare a policy; show the one in force'
complete -c sluice -n __fish_use_subcommand -a reload -d 'read the policy file of the agent again'
complete -c sluice -n __fish_use_subcommand -a detach -d 'remove everything from the kernel and stop limiting'
complete -c sluice -n __fish_use_subcommand -a version -d 'version of this program'
complete -c sluice -n __fish_use_subcommand -a help -d 'what there is, or what a command does'

complete -c sluice -n '__fish_seen_subcommand_from top' -l once -d 'one frame as text'
complete -c sluice -n '__fish_seen_subcommand_from top' -l interval -x -d 'seconds between two looks'
complete -c sluice -n '__fish_seen_subcommand_from sources' -l top -x -d 'only the N largest'
complete -c sluice -n '__fish_seen_subcommand_from sources' -l by -x -a 'dropped passed bytes' -d 'largest in what'
complete -c sluice -n '__fish_seen_subcommand_from sources' -l all -d 'every tracked source, a JSON object a line'
complete -c sluice -n '__fish_seen_subcommand_from sources explain' -a '(__sluice_addresses sources source)'
complete -c sluice -n '__fish_seen_subcommand_from events' -l follow -d 'stay, and tell what comes'
complete -c sluice -n '__fish_seen_subcommand_from events' -l last -x -d 'begin with the last N'
complete -c sluice -n '__fish_seen_subcommand_from ban allow' -l for -x -a '10m 1h 1d 1w' -d 'how long'
complete -c sluice -n '__fish_seen_subcommand_from ban allow' -l reason -x -d 'a note for people'
complete -c sluice -n '__fish_seen_subcommand_from unban' -a '(__sluice_addresses bans prefix)'
complete -c sluice -n '__fish_seen_subcommand_from disallow' -a '(__sluice_addresses allows prefix)'
complete -c sluice -n '__fish_seen_subcommand_from import' -F
complete -c sluice -n '__fish_seen_subcommand_from policy' -a 'load check diff show'
complete -c sluice -n '__fish_seen_subcommand_from load check diff' -F
complete -c sluice -n '__fish_seen_subcommand_from cache' -a 'purge stats show top'
complete -c sluice -n '__fish_seen_subcommand_from cache' -l prefix -x -d 'all URLs that begin like that'
complete -c sluice -n '__fish_seen_subcommand_from cache' -l glob -x -d 'all URLs like that'
complete -c sluice -n '__fish_seen_subcommand_from cache' -l tag -x -d 'all that has the tag'
complete -c sluice -n '__fish_seen_subcommand_from cache' -l all -d 'everything'
complete -c sluice -n '__fish_seen_subcommand_from cache' -l soft -d 'stale instead of gone'
complete -c sluice -n '__fish_seen_subcommand_from cache' -l by -x -a 'hits bytes' -d 'largest in what'
complete -c sluice -n '__fish_seen_subcommand_from cache' -l top -x -d 'only the N largest'
complete -c sluice -n '__fish_seen_subcommand_from log' -a 'reopen'
complete -c sluice -n '__fish_seen_subcommand_from help' -a 'status top sources explain events metrics ban unban bans allow disallow allows import cache log policy reload detach version help'
