{{/*
libvirtd listens on the unix sockets in /run/libvirt, for root.
*/}}
{{- define "nova.libvirtd" -}}
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_group = "root"
unix_sock_rw_perms = "0770"
log_outputs = "3:stderr"
{{- end }}

{{/*
QEMU writes the console logs itself, as virtlogd is not there, and is not confined by the host's AppArmor
or SELinux, whose profiles the container cannot load. Its consoles speak TLS, and only with a client that
has a certificate of the same CA; nova-novncproxy can do that since queens.
*/}}
{{- define "nova.qemu" -}}
stdio_handler = "file"
security_driver = "none"
{{- if include "common.since" (list . "queens") }}
vnc_tls = 1
vnc_tls_x509_verify = 1
vnc_tls_x509_cert_dir = "/etc/pki/libvirt-vnc"
{{- end }}
{{- end }}
