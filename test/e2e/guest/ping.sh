#!/bin/sh
# Pings the address that the request asks for: /cgi-bin/ping?10.65.0.19
printf 'Content-Type: text/plain\r\n\r\n'
exec /bin/ping -c 3 -W 2 "$QUERY_STRING"
