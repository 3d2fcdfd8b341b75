{{- define "horizon.uwsgi" -}}
[uwsgi]
plugins = python3
master = true
need-app = true
lazy-apps = true
enable-threads = true
die-on-term = true
processes = {{ .Values.wsgi.processes | int }}
threads = {{ .Values.wsgi.threads | int }}
buffer-size = 65535
# It closes each connection; clients that are not told send their next request into the closed one.
add-header = Connection: close
http-socket = :{{ .Values.port.cont }}
wsgi-file = /usr/share/openstack-dashboard/wsgi.py
static-map = /static={{ include "horizon.static" . }}
static-expires = /* 3600
{{- end }}
