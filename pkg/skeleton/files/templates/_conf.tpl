{{/*
The sections of <% .Service %>.conf. No password belongs here: it comes by environment, see common.secretEnv.
*/}}
{{- define "<% .Service %>.conf" -}}
DEFAULT:
  debug: {{ .Values.debug }}
  use_stderr: true
  bind_port: {{ .Values.port.cont | int }}
{{- end }}

{{- define "<% .Service %>.ini" -}}
{{- include "common.ini" (list (include "<% .Service %>.conf" .) (index .Values.conf "<% .Service %>")) -}}
{{- end }}
