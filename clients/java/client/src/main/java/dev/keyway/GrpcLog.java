package dev.keyway;

import java.util.logging.ConsoleHandler;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.Logger;

/** The gRPC log. Its warnings repeat the texts of the exceptions. */
final class GrpcLog {
    // The log manager discards loggers that nothing refers to.
    private static final Logger GRPC = Logger.getLogger("io.grpc");

    private GrpcLog() {}

    /** Turns off messages below SEVERE, unless the application configured java.util.logging. */
    static void quiet() {
        if (!isConfigured()) {
            GRPC.setLevel(Level.SEVERE);
        }
    }

    private static boolean isConfigured() {
        Handler[] handlers = Logger.getLogger("").getHandlers();
        return System.getProperty("java.util.logging.config.file") != null
                || System.getProperty("java.util.logging.config.class") != null
                || LogManager.getLogManager().getProperty("io.grpc.level") != null
                || GRPC.getLevel() != null
                || GRPC.getHandlers().length > 0
                || handlers.length != 1
                || handlers[0].getClass() != ConsoleHandler.class;
    }
}
