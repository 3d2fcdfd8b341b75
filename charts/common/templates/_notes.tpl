{{/*
What Helm says after the umbrella chart is installed.
*/}}
{{- define "common.notes" -}}
OpenStack {{ .Values.global.openstack.release }} on {{ .Values.global.network.backend }} is being set up in the namespace {{ .Release.Namespace }}.

It is ready when all Jobs are complete:
  kubectl --namespace {{ .Release.Namespace }} get jobs

The admin's password:
  kubectl --namespace {{ .Release.Namespace }} get secret {{ .Values.global.credentials.secret }} -o go-template='{{ "{{" }}index .data "keystone-admin-password" | base64decode}}'
{{- end }}
