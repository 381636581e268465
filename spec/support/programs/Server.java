// A small HTTPS server on JSSE, single-file: java Server.java PORT PKCS12 [PROTOCOL]. The file's password is "spec".

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

public class Server {
  private static final char[] PASSWORD = "spec".toCharArray();

  private static SSLContext context(String path) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(new FileInputStream(path), PASSWORD);
    KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
    keys.init(store, PASSWORD);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), null, null);
    return context;
  }

  private static void serve(SSLSocket socket) {
    try (socket) {
      socket.setSoTimeout(10000);
      BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream()));
      String line = in.readLine();
      while (line != null && !line.isEmpty()) {
        line = in.readLine();
      }
      socket.getOutputStream().write("HTTP/1.0 200 OK\r\n\r\nhello\n".getBytes());
    } catch (IOException e) {
      // the client went away
    }
  }

  public static void main(String[] arguments) throws Exception {
    SSLServerSocket listener = (SSLServerSocket) context(arguments[1]).getServerSocketFactory().createServerSocket(
        Integer.parseInt(arguments[0]), 100, InetAddress.getByName("127.0.0.1"));
    if (arguments.length > 2) {
      listener.setEnabledProtocols(new String[] {arguments[2]});
    }
    while (true) {
      SSLSocket socket = (SSLSocket) listener.accept();
      new Thread(() -> serve(socket)).start();
    }
  }
}
