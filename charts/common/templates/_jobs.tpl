{{/*
The name of the Job that common.databaseJob makes, from the same list.
*/}}
{{- define "common.databaseJobName" -}}
{{- $root := index . 0 -}}
{{ include "common.jobName" (list $root (printf "%s-db-create" (index . 1)) (include "common.host" (list $root (index . 4) "database")) (index . 2) (index . 3 | join " ")) }}
{{- end }}

{{/*
A Job that makes a chart's databases and their user, again and again with the same result. The password is
CHART-db-password of the credentials Secret.
(list $ "glance" .Values.db.username (list .Values.db.name) "glance-api")
The chart, which is also the service account's name, the database user, the databases, and the service
whose database server and nodes it uses.
*/}}
{{- define "common.databaseJob" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $service := index . 4 -}}
{{- $host := include "common.host" (list $root $service "database") -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "common.databaseJobName" . }}
  labels: {{- include "common.labels" (list $root (printf "%s-db-create" $name)) | nindent 4 }}
spec:
  backoffLimit: 20
  template:
    metadata:
      labels: {{- include "common.podLabels" (list $root (printf "%s-db-create" $name)) | nindent 8 }}
    spec:
      serviceAccountName: {{ $name }}
      restartPolicy: OnFailure
      securityContext: {{- include "common.podSecurityContext" $root | nindent 8 }}
      {{- with (include "common.jobAffinity" (list $root $service)) }}
      affinity: {{- . | nindent 8 }}
      {{- end }}
      initContainers: {{- include "common.wait" (list $root (list (printf "--tcp=%s:3306" $host))) | nindent 8 }}
      containers:
        - name: db-create
          image: {{ include "common.image" (list $root "mariadb") }}
          imagePullPolicy: {{ $root.Values.global.images.pull_policy }}
          securityContext: {{- include "common.securityContext" $root | nindent 12 }}
          command: [/bin/sh, -euc]
          args:
            - |
              quoted=$(printf %s "$DB_PASSWORD" | sed "s/[\\\\']/\\\\&/g")
              for database in {{ index . 3 | join " " }}; do
                mysql --host={{ $host }} --user=root <<SQL
              CREATE DATABASE IF NOT EXISTS \`$database\` CHARACTER SET utf8mb3;
              CREATE USER IF NOT EXISTS '{{ index . 2 }}'@'%' IDENTIFIED BY '$quoted';
              ALTER USER '{{ index . 2 }}'@'%' IDENTIFIED BY '$quoted';
              GRANT ALL PRIVILEGES ON \`$database\`.* TO '{{ index . 2 }}'@'%';
              SQL
                echo "database $database is there"
              done
          env:
            {{- include "common.secretEnv" (list $root "MYSQL_PWD" "mariadb-root-password") | nindent 12 }}
            {{- include "common.secretEnv" (list $root "DB_PASSWORD" (printf "%s-db-password" $name)) | nindent 12 }}
          resources:
            requests: {cpu: 50m, memory: 64Mi}
{{- end }}

{{/*
The admin's environment for the openstack command.
(list $ "glance-api")
*/}}
{{- define "common.adminEnv" -}}
{{- $root := index . 0 -}}
- {name: OS_AUTH_URL, value: {{ include "common.keystoneURL" . | quote }}}
- {name: OS_IDENTITY_API_VERSION, value: "3"}
- {name: OS_USERNAME, value: {{ $root.Values.global.openstack.user_name | quote }}}
- {name: OS_PROJECT_NAME, value: {{ $root.Values.global.openstack.project_name | quote }}}
- {name: OS_USER_DOMAIN_NAME, value: Default}
- {name: OS_PROJECT_DOMAIN_NAME, value: Default}
- {name: OS_REGION_NAME, value: {{ $root.Values.global.openstack.region | quote }}}
- {name: OS_INTERFACE, value: internal}
{{ include "common.secretEnv" (list $root "OS_PASSWORD" "keystone-admin-password") }}
{{- end }}

{{/*
The name of the Job that makes a service known to Keystone.
(list $ "glance" $identity) with $identity as for common.identityJob
*/}}
{{- define "common.identityJobName" -}}
{{- $root := index . 0 -}}
{{ include "common.jobName" (list $root (printf "%s-identity" (index . 1)) (toJson (index . 2)) (toJson $root.Values.global.service_account) (toJson $root.Values.global.openstack)) }}
{{- end }}

{{/*
A Job that makes a service known to Keystone: its user with the roles it needs in the service project,
its entry in the catalog and its endpoints. Running it again changes what differs and nothing else.
(list $ "glance" (dict
    "service" "glance-api"              the service whose nodes and Keystone it uses
    "user" .Values.username             the password is GLANCE-password of the credentials Secret
    "roles" (list "admin" "service")
    "catalog" (list (dict "type" "image" "name" "glance" "public" URL "internal" URL)))
  "glance")                             the chart's service account
*/}}
{{- define "common.identityJob" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $identity := index . 2 -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "common.identityJobName" . }}
  labels: {{- include "common.labels" (list $root (printf "%s-identity" $name)) | nindent 4 }}
spec:
  backoffLimit: 20
  template:
    metadata:
      labels: {{- include "common.podLabels" (list $root (printf "%s-identity" $name)) | nindent 8 }}
    spec:
      serviceAccountName: {{ index . 3 }}
      restartPolicy: OnFailure
      securityContext: {{- include "common.podSecurityContext" $root | nindent 8 }}
      {{- with (include "common.jobAffinity" (list $root $identity.service)) }}
      affinity: {{- . | nindent 8 }}
      {{- end }}
      initContainers: {{- include "common.wait" (list $root (list (printf "--http=%s" (include "common.keystoneURL" (list $root $identity.service))))) | nindent 8 }}
      containers:
        - name: identity
          image: {{ include "common.image" (list $root "openstackclient") }}
          imagePullPolicy: {{ $root.Values.global.images.pull_policy }}
          securityContext: {{- include "common.securityContext" $root | nindent 12 }}
          command: [/bin/sh, -euc]
          args:
            - |
              domain={{ $root.Values.global.service_account.domain | squote }}
              project={{ $root.Values.global.service_account.project | squote }}
              user={{ $identity.user | squote }}
              openstack domain show "$domain" >/dev/null || openstack domain create "$domain"
              openstack project create --or-show --domain "$domain" "$project" >/dev/null
              openstack user create --or-show --domain "$domain" --password "$SERVICE_PASSWORD" "$user" >/dev/null
              openstack user set --domain "$domain" --password "$SERVICE_PASSWORD" "$user"
              {{- range $identity.roles }}
              openstack role create --or-show {{ . }} >/dev/null
              openstack role add --user "$user" --user-domain "$domain" --project "$project" --project-domain "$domain" {{ . }}
              {{- end }}
              endpoint() { # TYPE INTERFACE URL
                id=$(openstack endpoint list --service "$1" --interface "$2" --region "$OS_REGION_NAME" -f value -c ID | head -n 1)
                if [ -n "$id" ]; then
                  openstack endpoint set --url "$3" "$id"
                else
                  openstack endpoint create --region "$OS_REGION_NAME" "$1" "$2" "$3" >/dev/null
                fi
                echo "$1 $2 $3"
              }
              {{- range $identity.catalog }}
              openstack service list -f value -c Type | grep -qxF {{ .type }} || openstack service create --name {{ .name }} {{ .type }} >/dev/null
              endpoint {{ .type }} public {{ .public | squote }}
              endpoint {{ .type }} internal {{ .internal | squote }}
              endpoint {{ .type }} admin {{ .internal | squote }}
              {{- end }}
          env:
            {{- include "common.adminEnv" (list $root $identity.service) | nindent 12 }}
            {{- include "common.secretEnv" (list $root "SERVICE_PASSWORD" (printf "%s-password" $name)) | nindent 12 }}
            - {name: HOME, value: /tmp}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
          resources:
            requests: {cpu: 50m, memory: 128Mi}
      volumes:
        - name: tmp
          emptyDir: {}
{{- end }}
