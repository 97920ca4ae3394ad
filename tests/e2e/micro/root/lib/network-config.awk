# network-config v2, as far as a lab's seed uses it, to one line per fact, each starting with the NIC's MAC:
#   MAC mtu N · MAC dhcp4 true|false · MAC address IP/PREFIX · MAC route TO VIA · MAC nameserver IP · MAC search DOMAIN
# Block YAML; keys in any order, list items indented or not, quotes optional, flow lists of scalars allowed.

function bare(text) {
    sub(/^[ \t]+/, "", text); sub(/[ \t]+$/, "", text)
    if (text ~ /^".*"$/ || text ~ /^'.*'$/) text = substr(text, 2, length(text) - 2)
    return text
}
function fact(text) { facts[++count] = text }
function flush_nic(   i) {
    for (i = 1; i <= count; i++) if (mac != "") print tolower(mac), facts[i]
    mac = ""; count = 0
}
function item(value) {  # an element of the list that is open
    if (value == "") return
    if (list == "addresses") fact((top == "nameservers" ? "nameserver " : "address ") value)
    else if (list == "search") fact("search " value)
}
function pair(key, value,   parts, n, i) {
    if (value ~ /^\[/) {
        list = key
        n = split(substr(value, 2, length(value) - 2), parts, ",")
        for (i = 1; i <= n; i++) item(bare(parts[i]))
    }
    else if (value == "") list = key
    else if (key == "macaddress") mac = value
    else if (key == "mtu" || key == "dhcp4") fact(key " " value)
    else if (key == "gateway4" || key == "gateway6") fact("route default " value)
    else if (top == "routes" && (key == "to" || key == "via")) {
        route[key] = value
        if (("to" in route) && ("via" in route)) {
            fact("route " (route["to"] ~ /^(0\.0\.0\.0|::)\/0$/ ? "default" : route["to"]) " " route["via"])
            delete route["to"]; delete route["via"]
        }
    }
}
/^[ \t]*(#|$)/ { next }
{
    match($0, /^ */); indent = RLENGTH
    line = substr($0, indent + 1)
}
line ~ /^ethernets:/ { inside = 1; base = indent; nic_indent = 0; next }
!inside { next }
indent <= base { inside = 0; flush_nic(); next }
!nic_indent { nic_indent = indent }
indent == nic_indent { flush_nic(); child_indent = 0; top = ""; next }
!child_indent { child_indent = indent }
{
    dashed = sub(/^- */, "", line)
    if (dashed && top == "routes") { delete route["to"]; delete route["via"] }
    if (match(line, /^["']?[a-z0-9_-]+["']?:( |$)/)) {
        key = line; sub(/:( .*)?$/, "", key); key = bare(key)
        value = line; sub(/^[^:]*:/, "", value); value = bare(value)
        if (!dashed && indent == child_indent) top = key
        pair(key, value)
    }
    else if (dashed) item(bare(line))
}
END { flush_nic() }
