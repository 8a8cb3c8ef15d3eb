"""Tomcat of Debian on free ports, with the key store and the trust store of the renewal agent."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.support.ports import free_port
from tests.support.programs import tomcat
from tests.support.tls_servers import TlsServer

PASSWORD: Final = "changeit"
MANAGER: Final = "keyway-agent"
MANAGER_PASSWORD: Final = "manager-password"
_SERVER: Final = """
<Server port="-1">
  <Service name="Catalina">
    <Connector port="{manager}" address="127.0.0.1"/>
    <Connector port="{{port}}" address="127.0.0.1" SSLEnabled="true" scheme="https" secure="true">
      <SSLHostConfig truststoreFile="{{files}}/trust.p12" truststoreType="PKCS12" truststorePassword="{password}"
                     certificateVerification="optional">
        <Certificate certificateKeystoreFile="{{files}}/keystore.p12" certificateKeystoreType="PKCS12"
                     certificateKeystorePassword="{password}"/>
      </SSLHostConfig>
    </Connector>
    <Engine name="Catalina" defaultHost="localhost">
      <Realm className="org.apache.catalina.realm.MemoryRealm" pathname="conf/tomcat-users.xml"/>
      <Host name="localhost" appBase="webapps" autoDeploy="false">
        <Context path="/manager" docBase="{home}-admin/manager" privileged="true"/>
      </Host>
    </Engine>
  </Service>
</Server>
"""
_USERS: Final = f"""
<tomcat-users>
  <role rolename="manager-script"/>
  <user username="{MANAGER}" password="{MANAGER_PASSWORD}" roles="manager-script"/>
</tomcat-users>
"""
_WEB: Final = """
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0">
  <servlet>
    <servlet-name>default</servlet-name>
    <servlet-class>org.apache.catalina.servlets.DefaultServlet</servlet-class>
  </servlet>
  <servlet-mapping><servlet-name>default</servlet-name><url-pattern>/</url-pattern></servlet-mapping>
  <welcome-file-list><welcome-file>index.html</welcome-file></welcome-file-list>
</web-app>
"""


class Tomcat(TlsServer):
    """Tomcat with the manager application, whose HTTP interface reloads the certificates."""

    program_name = "tomcat"

    def __init__(self, folder: Path, files: Path) -> None:
        self._java, root = tomcat()
        self._home = root / "usr/share/tomcat10"
        self._base = folder / "tomcat"
        self._manager_port = free_port()
        # The values of this class; those of the files and the port are filled in by the base class.
        self.template = _SERVER.format(manager=self._manager_port, password=PASSWORD, home=self._home)  # type: ignore[misc]
        super().__init__(folder, files)
        texts: Mapping[str, str] = {
            "conf/server.xml": self.config.read_text(),
            "conf/tomcat-users.xml": _USERS,
            "webapps/ROOT/index.html": "ok\n",
            "webapps/ROOT/WEB-INF/web.xml": _WEB,
        }
        for name, text in texts.items():
            path = self._base / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.strip() + "\n")
        for name in ("logs", "temp", "work"):
            (self._base / name).mkdir()

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of Java with this configuration."""
        jars = [*sorted((self._home / "bin").glob("*.jar")), *sorted((self._home / "lib").glob("*.jar"))]
        options = {
            "catalina.base": self._base,
            "catalina.home": self._home,
            "java.io.tmpdir": self._base / "temp",
        }
        return [
            self._java,
            "-Xmx96m",
            "-cp",
            ":".join(map(str, jars)),
            *(f"-D{name}={value}" for name, value in options.items()),
            "org.apache.catalina.startup.Bootstrap",
            *(arguments or ("start",)),
        ]

    def actions(self) -> dict[str, Any]:
        """Return the request to the manager application."""
        return {
            "reload": {
                "http": f"http://127.0.0.1:{self._manager_port}/manager/text/sslReload",
                "method": "GET",
                "username": MANAGER,
                "password_file": "manager.password",
            },
            "verify": {"address": f"127.0.0.1:{self.port}", "server_name": "www.agent.example.com"},
        }
