{{/*
sshd of a compute node. nova-compute of another node logs in to it to make folders and copy disks, when a
server is resized or migrated to here.
*/}}
{{- define "nova.sshd" -}}
Port {{ .Values.migration.ssh_port }}
HostKey /etc/ssh/ssh_host_ed25519_key
AuthorizedKeysFile /etc/ssh/authorized_keys
AuthenticationMethods publickey
AllowUsers root
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
DisableForwarding yes
PermitTTY no
PermitUserRC no
PrintLastLog no
# What scp asks for.
Subsystem sftp internal-sftp
PidFile none
{{- end }}

{{/*
How nova-compute's ssh and scp log in there. All compute nodes have the same host key.
*/}}
{{- define "nova.ssh" -}}
Host *
  Port {{ .Values.migration.ssh_port }}
  User root
  IdentityFile /etc/nova/ssh/id_ed25519
  IdentitiesOnly yes
  PreferredAuthentications publickey
  UserKnownHostsFile /etc/nova/ssh/known_hosts
  StrictHostKeyChecking yes
  UpdateHostKeys no
  # A node that is gone is noticed.
  ConnectTimeout 15
  ServerAliveInterval 15
{{- end }}
