import io.trino.plugin.iceberg.IcebergPlugin;
import io.trino.testing.StandaloneQueryRunner;
import io.trino.testing.TestingSession;

/** A Trino of one process with its Iceberg connector: says where it listens, and ends with standard input. */
public class Trino {
  public static void main(String[] arguments) throws Exception {
    var answers = System.out;
    System.setOut(System.err);
    var trino = new StandaloneQueryRunner(TestingSession.testSessionBuilder().build());
    trino.installPlugin(new IcebergPlugin());
    answers.println(trino.getCoordinator().getBaseUrl());
    while (System.in.read() >= 0) {}
    System.exit(0);
  }
}
