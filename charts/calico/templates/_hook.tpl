{{/*
The addresses of etcd_proxy.endpoints by IP family, as JSON: an EndpointSlice holds one family.
*/}}
{{- define "calico.endpoints" -}}
{{- $ipv4 := list -}}
{{- $ipv6 := list -}}
{{- range .Values.etcd_proxy.endpoints -}}
{{- if contains ":" . }}{{ $ipv6 = append $ipv6 . }}{{ else }}{{ $ipv4 = append $ipv4 . }}{{ end -}}
{{- end -}}
{{- dict "IPv4" $ipv4 "IPv6" $ipv6 | toJson -}}
{{- end }}

{{/*
The name of the Service in front of etcd: that of etcd_host, where it is one in the release's namespace. Empty when
there is no such Service.
*/}}
{{- define "calico.etcdService" -}}
{{- $host := .Values.global.network.calico.etcd_host -}}
{{- $name := splitList "." $host | first -}}
{{- $here := or (eq $host $name) (hasPrefix (printf "%s." $host) (printf "%s.%s.svc.%s." $name .Release.Namespace .Values.global.cluster_domain)) -}}
{{- if and .Values.etcd_proxy.enabled $here (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" $name) }}{{ $name }}{{ end -}}
{{- end }}

{{/*
"true" when Calico's settings may be in the Kubernetes API, else empty.
*/}}
{{- define "calico.inKubernetes" -}}
{{- if has .Values.store (list "auto" "kubernetes") }}true{{ end -}}
{{- end }}

{{/*
What makes an object of the hook Jobs' one that is there while they run, before the first installation too,
and goes with them.
*/}}
{{- define "calico.hookObject" -}}
{{ include "common.hook" (list "pre-install,pre-upgrade,post-install,post-upgrade,post-rollback,pre-delete" "-20") }}
{{- end }}

{{/*
The URLs under which the hook reaches etcd, as JSON: those that are given, or the addresses of etcd's nodes,
since the Service is not there before the first installation. Without either it is the Service all the same.
*/}}
{{- define "calico.etcdURLs" -}}
{{- $calico := .Values.global.network.calico -}}
{{- $urls := .Values.etcd.endpoints -}}
{{- if not $urls -}}
{{- range .Values.etcd_proxy.endpoints -}}
{{- $urls = append $urls (printf "%s://%s:%v" $calico.etcd_scheme (ternary (printf "[%s]" .) . (contains ":" .)) $calico.etcd_port) -}}
{{- end -}}
{{- end -}}
{{- $urls | default (list (printf "%s://%s:%v" $calico.etcd_scheme $calico.etcd_host $calico.etcd_port)) | toJson -}}
{{- end }}

{{/*
A hook Job that changes Calico's settings or takes them back.
(list $ "apply" (include "common.hook" (list "post-install,post-upgrade,post-rollback" "0")))
*/}}
{{- define "calico.hookJob" -}}
{{- $root := index . 0 -}}
{{- $verb := index . 1 -}}
{{- $name := printf "ccp-hook-calico-%s" $verb -}}
{{- $etcd := $root.Values.global.network.calico -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $name | quote }}
  labels: {{- include "common.labels" (list $root $name) | nindent 4 }}
  annotations: {{- index . 2 | nindent 4 }}
spec:
  backoffLimit: 6
  podFailurePolicy: {{- include "common.hookFailurePolicy" . | nindent 4 }}
  template:
    metadata:
      labels: {{- include "common.podLabels" (list $root $name) | nindent 8 }}
    spec:
      serviceAccountName: ccp-hook-calico
      {{- if eq $verb "revert" }}
      automountServiceAccountToken: true
      {{- end }}
      restartPolicy: Never
      # A Go program that is process 1 exits with 2 when it is killed before it listens to signals.
      shareProcessNamespace: true
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        fsGroup: 65532
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: ccp-hook
          image: {{ include "common.image" (list $root "ccp-hook") | quote }}
          imagePullPolicy: {{ $root.Values.global.images.pull_policy }}
          terminationMessagePolicy: FallbackToLogsOnError
          args:
            - calico
            - {{ $verb }}
            - --release={{ $root.Release.Namespace }}/{{ $root.Release.Name }}
            - --record-namespace={{ $root.Values.record_namespace }}
            - --config=/etc/ccp/calico.yaml
            {{- if eq $verb "revert" }}
            - --remove-job=ccp-hook-calico-apply
            {{- end }}
          env:
            - name: CCP_HOOK_NAMESPACE
              valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
            {{- if $etcd.etcd_username }}
            {{- include "common.secretEnv" (list $root "CCP_ETCD_PASSWORD" "calico-etcd-password") | nindent 12 }}
            {{- end }}
          securityContext: {{- include "common.securityContext" $root | nindent 12 }}
          resources:
            requests: {cpu: 10m, memory: 32Mi}
            limits: {memory: 128Mi}
          volumeMounts:
            - {name: config, mountPath: /etc/ccp, readOnly: true}
            {{- if $etcd.etcd_secret }}
            - {name: tls, mountPath: /etc/ccp-tls, readOnly: true}
            {{- end }}
      volumes:
        - name: config
          configMap: {name: ccp-hook-calico}
        {{- with $etcd.etcd_secret }}
        - name: tls
          secret: {secretName: {{ . }}, defaultMode: 0440}
        {{- end }}
{{- end }}
