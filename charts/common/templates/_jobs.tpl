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
  name: {{ include "common.databaseJobName" . | quote }}
  labels: {{- include "common.labels" (list $root (printf "%s-db-create" $name)) | nindent 4 }}
spec:
  backoffLimit: 20
  template:
    metadata:
      labels: {{- include "common.podLabels" (list $root (printf "%s-db-create" $name)) | nindent 8 }}
    spec:
      serviceAccountName: {{ $name | quote }}
      restartPolicy: OnFailure
      securityContext: {{- include "common.podSecurityContext" $root | nindent 8 }}
      {{- with (include "common.jobAffinity" (list $root $service)) }}
      affinity: {{- . | nindent 8 }}
      {{- end }}
      initContainers: {{- include "common.wait" (list $root (list (printf "--tcp=%s:3306" $host))) | nindent 8 }}
      containers:
        - name: db-create
          image: {{ include "common.image" (list $root "mariadb") | quote }}
          imagePullPolicy: {{ $root.Values.global.images.pull_policy }}
          securityContext: {{- include "common.securityContext" $root | nindent 12 }}
          command: [/bin/sh, -euc]
          args:
            - |
              quoted=$(printf %s "$DB_PASSWORD" | sed "s/[\\\\']/\\\\&/g")
              for database in $DATABASES; do
                mysql --host="$DB_HOST" --user=root <<SQL
              CREATE DATABASE IF NOT EXISTS \`$database\` CHARACTER SET utf8mb3;
              CREATE USER IF NOT EXISTS '$DB_USER'@'%' IDENTIFIED BY '$quoted';
              ALTER USER '$DB_USER'@'%' IDENTIFIED BY '$quoted';
              GRANT ALL PRIVILEGES ON \`$database\`.* TO '$DB_USER'@'%';
              SQL
                echo "database $database is there"
              done
          env:
            - {name: DATABASES, value: {{ index . 3 | join " " | quote }}}
            - {name: DB_HOST, value: {{ $host | quote }}}
            - {name: DB_USER, value: {{ index . 2 | quote }}}
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
A Job that makes things in OpenStack, with a script in Python whose values are all in its environment: WANTED is
JSON, and openstack.connect() is the cloud's admin. A script makes what is not there,
and sets passwords again.
(list $ "nova-bootstrap" (dict
    "job" (include "nova.bootstrapJob" .)   the Job's name
    "account" "nova"                        the chart's service account
    "service" "nova-api"                    the service whose nodes and Keystone it uses
    "waits" (list "--http=http://nova-api:8774/")
    "wanted" $wanted
    "passwords" (dict "PASSWORD" "nova-password")   variables, and their keys in the credentials Secret
    "script" (include "nova.bootstrapScript" .)))
*/}}
{{- define "common.openstackJob" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $job := index . 2 -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $job.job | quote }}
  labels: {{- include "common.labels" (list $root $name) | nindent 4 }}
spec:
  backoffLimit: 20
  template:
    metadata:
      labels: {{- include "common.podLabels" (list $root $name) | nindent 8 }}
    spec:
      serviceAccountName: {{ $job.account | quote }}
      restartPolicy: OnFailure
      securityContext: {{- include "common.podSecurityContext" $root | nindent 8 }}
      {{- with (include "common.jobAffinity" (list $root $job.service)) }}
      affinity: {{- . | nindent 8 }}
      {{- end }}
      initContainers: {{- include "common.wait" (list $root $job.waits) | nindent 8 }}
      containers:
        - name: {{ $name | quote }}
          image: {{ include "common.image" (list $root "openstackclient") | quote }}
          imagePullPolicy: {{ $root.Values.global.images.pull_policy }}
          securityContext: {{- include "common.securityContext" $root | nindent 12 }}
          command: [python3, -c]
          args:
            - |
              {{- $job.script | nindent 14 }}
          env:
            - {name: WANTED, value: {{ include "common.envJSON" $job.wanted | quote }}}
            {{- include "common.adminEnv" (list $root $job.service) | nindent 12 }}
            {{- range $variable, $key := $job.passwords }}
            {{- include "common.secretEnv" (list $root $variable $key) | nindent 12 }}
            {{- end }}
            - {name: HOME, value: /tmp}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
          resources:
            requests: {cpu: 50m, memory: 128Mi}
      volumes:
        - name: tmp
          emptyDir: {}
{{- end }}

{{/*
A value as JSON for a variable of a container's environment, in which the kubelet replaces $(NAME).
*/}}
{{- define "common.envJSON" -}}
{{ toJson . | replace "$" "\\u0024" }}
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
{{ include "common.openstackJob" (list $root (printf "%s-identity" $name) (dict
    "job" (include "common.identityJobName" .)
    "account" (index . 3)
    "service" $identity.service
    "waits" (list (printf "--http=%s" (include "common.keystoneURL" (list $root $identity.service))))
    "wanted" (dict
      "region" $root.Values.global.openstack.region
      "domain" $root.Values.global.service_account.domain
      "project" $root.Values.global.service_account.project
      "user" $identity.user
      "roles" $identity.roles
      "catalog" $identity.catalog)
    "passwords" (dict "PASSWORD" (printf "%s-password" $name))
    "script" (include "common.identityScript" $root))) }}
{{- end }}

{{- define "common.identityScript" -}}
import json, os, openstack

wanted = json.loads(os.environ["WANTED"])
identity = openstack.connect().identity

def first(found):
    return next(iter(found), None)

domain = first(identity.domains(name=wanted["domain"])) or identity.create_domain(name=wanted["domain"])
project = (first(identity.projects(name=wanted["project"], domain_id=domain.id))
           or identity.create_project(name=wanted["project"], domain_id=domain.id))
user = first(identity.users(name=wanted["user"], domain_id=domain.id))
if user:
    identity.update_user(user, password=os.environ["PASSWORD"])
else:
    user = identity.create_user(name=wanted["user"], domain_id=domain.id, password=os.environ["PASSWORD"])
for name in wanted["roles"]:
    role = first(identity.roles(name=name)) or identity.create_role(name=name)
    identity.assign_project_role_to_user(project, user, role)
print("user", user.name, "has the roles", *wanted["roles"], flush=True)

region = wanted["region"]
if not first(r for r in identity.regions() if r.id == region):
    identity.create_region(id=region)
for entry in wanted["catalog"]:
    service = (first(s for s in identity.services() if s.type == entry["type"])
               or identity.create_service(type=entry["type"], name=entry["name"]))
    for interface, key in ("public", "public"), ("internal", "internal"), ("admin", "internal"):
        url = entry[key]
        endpoint = first(identity.endpoints(service_id=service.id, interface=interface, region_id=region))
        if not endpoint:
            identity.create_endpoint(service_id=service.id, interface=interface, region_id=region, url=url)
        elif endpoint.url != url:
            identity.update_endpoint(endpoint, url=url)
        print(service.type, interface, url, flush=True)
{{- end }}
