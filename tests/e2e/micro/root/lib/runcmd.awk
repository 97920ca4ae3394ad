# cloud-config's runcmd, a list of plain, quoted or block strings, to shell text.
function close_list() { inside = 0; block = 0 }
/^runcmd:/ { inside = 1; next }
!inside { next }
{ match($0, /^ */); indent = RLENGTH }
block && ($0 ~ /^ *$/ || indent > dash) {
    if (!text_indent) text_indent = indent
    print substr($0, text_indent + 1)
    next
}
/^ *- / {
    dash = indent; block = 0
    line = substr($0, indent + 3)
    if (line ~ /^[|>][-+]?[ ]*$/) { block = 1; text_indent = 0; next }
    if (line ~ /^'.*'$/) { line = substr(line, 2, length(line) - 2); gsub(/''/, "'", line) }
    else if (line ~ /^".*"$/) { line = substr(line, 2, length(line) - 2); gsub(/\\"/, "\"", line); gsub(/\\\\/, "\\", line) }
    print line
    next
}
/^ *(#.*)?$/ { next }
indent > dash { print "# unread: " $0; next }
{ close_list() }
