{{/*
The container of one of Keystone's APIs.
(list $ "keystone" "public" .Values.public_port "keystone-wsgi-public")
The container's name, its port's name, the port, the WSGI script.
*/}}
{{- define "keystone.api" -}}
{{- $root := index . 0 -}}
{{- $port := index . 2 -}}
- name: {{ index . 1 | quote }}
  image: {{ include "common.image" (list $root "keystone") | quote }}
  imagePullPolicy: {{ $root.Values.global.images.pull_policy }}
  securityContext: {{- include "common.securityContext" $root | nindent 4 }}
  command: [uwsgi, --ini, /etc/ccp/uwsgi.ini]
  args: ["--http-socket=:{{ (index . 3).cont }}", --wsgi-file=/usr/bin/{{ index . 4 }}]
  env: {{- include "keystone.env" $root | nindent 4 }}
  ports:
    - {name: {{ $port }}, containerPort: {{ (index . 3).cont }}}
  readinessProbe:
    httpGet: {path: /v3, port: {{ $port }}}
    periodSeconds: 5
    timeoutSeconds: 5
  livenessProbe:
    tcpSocket: {port: {{ $port }}}
    initialDelaySeconds: 30
    periodSeconds: 20
  resources: {{- toYaml $root.Values.resources.keystone | nindent 4 }}
  volumeMounts: {{- include "keystone.volumeMounts" $root | nindent 4 }}
    - {name: config, mountPath: /etc/ccp/uwsgi.ini, subPath: uwsgi.ini, readOnly: true}
{{- end }}
