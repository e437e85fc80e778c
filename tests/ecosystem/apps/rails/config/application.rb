# What `rails new` makes, cut down to what is needed: an application, its jobs where there are any.
require 'rails'
require 'redis'
%w[active_job/railtie sidekiq].each do |library|
  require library
rescue LoadError
  next
end

module Shop
  class Application < Rails::Application
    config.load_defaults 6.1
    config.eager_load = true
    config.logger = Logger.new($stderr, level: Logger::WARN)
  end
end
